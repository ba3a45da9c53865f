<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A certificate authority and a server certificate for localhost, made by openssl.
 */
final class Certificates
{
    public const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

    public readonly string $authority;
    public readonly string $certificate;
    public readonly string $key;

    public function __construct(private readonly TempDir $directory, string $name = 'tls')
    {
        $base = $directory->path . '/' . $name;
        $this->authority = $base . '-ca.pem';
        self::openssl([
            'req', '-x509', ...self::CURVE, '-days', '30', '-subj', '/CN=Secure Outbound test authority ' . $name,
            '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
            '-keyout', $base . '-ca.key', '-out', $this->authority,
        ]);
        chmod($this->authority, 0644);
        $names = ['DNS:localhost', 'DNS:*.localhost', 'IP:127.0.0.1', 'IP:::1'];
        ['certificate' => $this->certificate, 'key' => $this->key] = $this->issue($name, $names);
    }

    /**
     * A self-signed certificate as "openssl req -x509" makes it: an authority's certificate that a server also uses as its own.
     *
     * @param list<string> $names "DNS:…" and "IP:…"
     * @param list<string> $more arguments of "openssl req"
     * @return array{certificate: string, key: string} PEM files
     */
    public function ownMade(string $name, array $names, array $more = []): array
    {
        $base = $this->directory->path . '/' . $name;
        $files = ['certificate' => $base . '.pem', 'key' => $base . '.key'];
        self::openssl([
            'req', '-x509', ...self::CURVE, '-days', '30', '-subj', '/CN=' . $name,
            '-addext', 'subjectAltName=' . implode(',', $names), ...$more,
            '-keyout', $files['key'], '-out', $files['certificate'],
        ]);
        return $files;
    }

    /**
     * A further certificate, issued by the authority or by another issuer, or self-signed.
     *
     * @param list<string> $names "DNS:…" and "IP:…"
     * @param list<string> $validity arguments of "openssl ca"; without any, the certificate is valid for a month from now
     * @param list<string> $key arguments of "openssl req" that make the key
     * @param string $constraints basicConstraints
     * @param string $more lines of further extensions
     * @param array{certificate: string, key: string}|null $issuer the issuer; null for the authority
     * @return array{certificate: string, key: string} PEM files
     */
    public function issue(
        string $name,
        array $names,
        array $validity = ['-days', '30'],
        string $usage = 'serverAuth',
        bool $selfSigned = false,
        array $key = self::CURVE,
        string $digest = 'sha256',
        string $constraints = 'CA:FALSE',
        string $more = '',
        ?array $issuer = null,
    ): array {
        $base = $this->directory->path . '/' . $name;
        $authority = substr($this->authority, 0, -strlen('.pem'));
        $extensions = $this->directory->write(
            $name . '.ext',
            'basicConstraints=' . $constraints . "\nextendedKeyUsage=" . $usage . "\n" . $more
                . ($names === [] ? '' : 'subjectAltName=' . implode(',', $names) . "\n"),
        );
        $files = ['certificate' => $base . '.pem', 'key' => $base . '.key'];
        self::openssl(['req', ...$key, '-subj', '/CN=localhost', '-keyout', $files['key'], '-out', $base . '.csr']);
        $configuration = $this->configuration($name);
        $issuer ??= ['certificate' => $this->authority, 'key' => $authority . '.key'];
        $signer = $selfSigned
            ? ['-selfsign', '-keyfile', $files['key']]
            : ['-cert', $issuer['certificate'], '-keyfile', $issuer['key']];
        self::openssl([
            'ca', '-batch', '-config', $configuration, ...$signer, '-in', $base . '.csr', '-notext',
            '-extfile', $extensions, ...$validity, '-md', $digest, '-out', $files['certificate'],
        ]);
        return $files;
    }

    /**
     * A revocation list of the authority.
     *
     * @param list<string> $certificates PEM files of the revoked certificates
     * @return string PEM file of the list
     */
    public function revoke(string $name, array $certificates): string
    {
        $configuration = $this->configuration($name);
        $authority = substr($this->authority, 0, -strlen('.pem'));
        $signer = ['-config', $configuration, '-cert', $this->authority, '-keyfile', $authority . '.key'];
        foreach ($certificates as $certificate) {
            self::openssl(['ca', ...$signer, '-revoke', $certificate]);
        }
        $file = $this->directory->path . '/' . $name . '.crl';
        self::openssl(['ca', ...$signer, '-gencrl', '-crldays', '30', '-out', $file]);
        return $file;
    }

    /** The configuration of "openssl ca", with an empty database. */
    private function configuration(string $name): string
    {
        $this->directory->write($name . '.index', '');
        $this->directory->write($name . '.number', '01');
        return $this->directory->write($name . '.cnf', sprintf(
            "[ca]\ndefault_ca=own\n[own]\ndatabase=%1\$s.index\nnew_certs_dir=%2\$s\nrand_serial=yes\n"
                . "default_md=sha256\npolicy=any\nunique_subject=no\ncrlnumber=%1\$s.number\ncrl_extensions=more\n"
                . "[any]\ncommonName=supplied\n[more]\nauthorityKeyIdentifier=keyid\n",
            $this->directory->path . '/' . $name,
            $this->directory->path,
        ));
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
