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
 * The files of a host: an installation, a file with a master key, and scripts that are not preloaded.
 */
final class Host
{
    /** The environment in which PHP reads no settings but those of iniFile(). */
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
     * @param bool $load bind by FFI::load in the preload script, for which environment() names the header
     * @param string $script the script of the package that is preloaded
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
     * Writes a php.ini that needs no other settings.
     *
     * @param array<string, string|null> $settings null removes one
     * @param list<string> $extensions extensions besides opcache and ffi
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
     * The input of app/send.php for $count POST requests with a sealed bearer token.
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
     * A credential that can be opened with the master key of the host.
     *
     * @param array<string, mixed> $payload including its "type"
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
