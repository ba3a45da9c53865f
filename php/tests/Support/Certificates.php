<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

/**
 * A certificate authority of its own and a server certificate for localhost, made by openssl.
 */
final class Certificates
{
    public readonly string $authority;
    public readonly string $certificate;
    public readonly string $key;

    public function __construct(TempDir $directory, string $name = 'tls')
    {
        $base = $directory->path . '/' . $name;
        $this->authority = $base . '-ca.pem';
        $this->certificate = $base . '.pem';
        $this->key = $base . '.key';
        $extensions = $directory->write(
            $name . '.ext',
            "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
                . "subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1,IP:::1\n",
        );
        $curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
        self::openssl([
            'req', '-x509', ...$curve, '-days', '30', '-subj', '/CN=Secure Outbound test authority',
            '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign',
            '-keyout', $base . '-ca.key', '-out', $this->authority,
        ]);
        self::openssl(['req', ...$curve, '-subj', '/CN=localhost', '-keyout', $this->key, '-out', $base . '.csr']);
        self::openssl([
            'x509', '-req', '-in', $base . '.csr', '-CA', $this->authority, '-CAkey', $base . '-ca.key',
            '-CAcreateserial', '-days', '30', '-extfile', $extensions, '-out', $this->certificate,
        ]);
        chmod($this->authority, 0644);
    }

    /**
     * @param list<string> $arguments
     */
    private static function openssl(array $arguments): void
    {
        $result = Process::run(['openssl', ...$arguments]);
        if ($result['code'] !== 0) {
            throw new \RuntimeException('openssl: ' . $result['output']);
        }
    }
}
