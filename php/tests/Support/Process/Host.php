<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Process;

use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\ApiServer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * A host without its PHP processes: an installation, a master key in a file, and scripts that are not preloaded.
 */
final class Host
{
    /** Environment for a PHP that reads no other settings than iniFile(). */
    public const ONLY_THIS_INI = ['PHP_INI_SCAN_DIR' => '/nonexistent'];

    public readonly TempDir $directory;
    public readonly Installation $installation;
    public readonly string $keyFile;

    /** The directory of the scripts. */
    public readonly string $app;

    private readonly \SensitiveParameterValue $masterKey;

    public function __construct()
    {
        $this->directory = new TempDir('host');
        $this->installation = new Installation($this->directory);
        $this->app = $this->installation->copyTree(dirname(__DIR__, 2) . '/Preload/app', 'app');
        $this->masterKey = new \SensitiveParameterValue(random_bytes(32));
        $this->keyFile = $this->directory->write('vault.key', base64_encode($this->masterKey->getValue()), 0400);
        chown($this->keyFile, Fpm::USER);
    }

    /**
     * The settings that bind the library.
     *
     * @param bool $load by FFI::load in the preload script, which environment() tells of the header
     * @param string $script of the package, which is preloaded
     * @return array<string, string>
     */
    public function ini(bool $load = false, string $script = 'preload.php'): array
    {
        return ($load ? [] : ['ffi.preload' => $this->installation->header]) + [
            'ffi.enable' => 'preload',
            'opcache.preload' => $this->installation->php . '/' . $script,
            'opcache.preload_user' => Fpm::USER,
        ];
    }

    /**
     * @return array<string, string>
     */
    public function environment(bool $load = false): array
    {
        return $load ? ['SECURE_OUTBOUND_HEADER' => $this->installation->header] : [];
    }

    /**
     * Writes a php.ini that stands alone.
     *
     * @param array<string, string|null> $settings null removes one
     * @param list<string> $extensions beside opcache and ffi
     */
    public static function iniFile(TempDir $directory, array $settings, array $extensions = []): string
    {
        $lines = "zend_extension=opcache.so\n";
        foreach (['ffi', ...$extensions] as $extension) {
            $lines .= 'extension=' . $extension . ".so\n";
        }
        $settings += ['opcache.enable' => '1', 'zend.exception_ignore_args' => '0'];
        foreach ($settings as $name => $value) {
            $lines .= $value === null ? '' : $name . ' = "' . $value . "\"\n";
        }
        return $directory->write('php.ini', $lines);
    }

    /**
     * Input for app/send.php: so many POST requests with a sealed bearer token.
     *
     * @param string|null $hold see app/send.php
     */
    public function input(
        ApiServer $upstream,
        int $count = 1,
        string $path = '/echo',
        ?string $hold = null,
        #[\SensitiveParameter] string $token = 'tok-7f3a',
    ): string {
        $request = new RequestSpec(
            'demo',
            'POST',
            new Policy(['POST'], allowedPaths: ['/v1/echo']),
            $upstream->url(),
            $path,
            body: '{"a":1}',
            credentials: [$this->sealed('my_api_key', ['type' => 'bearer', 'token' => $token])],
        );
        $keys = [['id' => 'vault', 'provider' => 'file', 'path' => $this->keyFile]];
        return (string) json_encode([
            'config' => $upstream->config(['master_keys' => $keys]),
            'requests' => array_fill(0, $count, $request->toWire()),
            'hold' => $hold,
        ]);
    }

    /**
     * A credential that the master key of the host opens.
     *
     * @param array<string, mixed> $payload with its type
     */
    public function sealed(string $identifier, #[\SensitiveParameter] array $payload): SealedCredential
    {
        $envelope = (new Sealer($this->masterKey->getValue()))->seal($identifier, (string) json_encode($payload));
        return (new CredentialReference($identifier, $payload['type']))->seal($envelope);
    }

    /** The inode of the library that a process has mapped. */
    public static function mappedLibrary(int $pid): int
    {
        $maps = (string) file_get_contents('/proc/' . $pid . '/maps');
        if (preg_match('/ (\d+) +\S*libsecure_outbound\.so/', $maps, $match) !== 1) {
            throw new \RuntimeException('The process maps no library.');
        }
        return (int) $match[1];
    }

    public function remove(): void
    {
        $this->directory->remove();
    }
}
