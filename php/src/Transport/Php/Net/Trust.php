<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * The trust anchors. Certificate checks cannot be turned off, and neither the bundle of php.ini nor SSL_CERT_FILE has an effect.
 *
 * @internal
 */
final readonly class Trust
{
    public const SYSTEM = 'system';
    public const FILE = 'file';
    public const BOTH = 'system+file';

    /** Where distributions keep the bundle of the system's trust anchors; the library's list. */
    private const SYSTEM_BUNDLES = [
        '/etc/ssl/certs/ca-certificates.crt',
        '/etc/pki/tls/certs/ca-bundle.crt',
        '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
        '/etc/ssl/ca-bundle.pem',
        '/etc/ssl/cert.pem',
    ];

    /** CURLINFO_CAINFO, which PHP has a name for from 8.3 on: the bundle that libcurl was built for. */
    private const OWN_BUNDLE = 0x10003D;

    private const CERTIFICATE = '/-----BEGIN CERTIFICATE-----([A-Za-z0-9+\/=\s]+)-----END CERTIFICATE-----/';

    private const REVOCATION_LIST = '/-----BEGIN X509 CRL-----([A-Za-z0-9+\/=\s]+)-----END X509 CRL-----/';

    /**
     * @param string|null $file path of a bundle
     * @param string|null $pem certificates beside it
     * @param string|null $revoked path of revocation lists
     */
    private function __construct(private ?string $file, private ?string $pem, private ?string $revoked)
    {
    }

    /**
     * @param string $roots one of the constants
     * @param string|null $crlFile revocation lists; with them, OpenSSL requires a list of every issuer in the chain, and an
     *        expired list does not count
     * @throws OutboundException configuration.invalid
     */
    public static function load(string $roots, ?string $caFile, ?string $crlFile): self
    {
        if ($roots === self::SYSTEM && $caFile !== null) {
            throw self::invalid('tls.ca_file counts only with roots file or system+file');
        }
        if ($roots !== self::SYSTEM && $caFile === null) {
            throw self::invalid('tls.roots file and system+file need tls.ca_file');
        }
        if ($roots === self::BOTH && !defined('CURLOPT_CAINFO_BLOB')) {
            throw OutboundException::create(
                'configuration.transport_unavailable',
                'tls.roots system+file needs libcurl 7.77 in PHP: put all trust anchors into one file',
            );
        }
        if ($crlFile !== null && preg_match(self::REVOCATION_LIST, self::contents($crlFile, 'tls.crl_file')) !== 1) {
            throw self::invalid('tls.crl_file holds no revocation list');
        }
        $pem = $caFile === null ? null : self::read($caFile);
        $bundle = $roots === self::FILE ? LocalFile::local((string) $caFile) : self::systemBundle();
        if ($roots === self::BOTH && $bundle === null && LocalFile::isConfined()) {
            throw OutboundException::create(
                'configuration.transport_unavailable',
                "tls.roots system+file needs the system's trust anchors, which open_basedir hides: add their directory to it, "
                    . '/etc/ssl/certs or /etc/pki, or put all trust anchors into tls.ca_file and set roots to file',
            );
        }
        return new self(
            $roots === self::SYSTEM && $bundle === null && LocalFile::isConfined() ? self::ownBundle() : $bundle,
            $roots === self::BOTH ? $pem : null,
            $crlFile === null ? null : LocalFile::local($crlFile),
        );
    }

    /** Whether there is no trust anchor at all. */
    public function isEmpty(): bool
    {
        return $this->file === null && $this->pem === null;
    }

    /**
     * @return array<int, mixed> options of a curl handle
     */
    public function options(): array
    {
        // libcurl also reads a default directory, on Debian /etc/ssl/certs. It is replaced by a directory without certificates.
        $options = [CURLOPT_SSL_VERIFYPEER => true, CURLOPT_SSL_VERIFYHOST => 2, CURLOPT_CAPATH => __DIR__];
        if ($this->revoked !== null) {
            $options[CURLOPT_CRLFILE] = $this->revoked;
        }
        if ($this->pem === null) {
            // This source file contains no certificate, so libcurl refuses every server.
            return $options + [CURLOPT_CAINFO => $this->file ?? __FILE__];
        }
        $system = $this->file === null ? '' : LocalFile::read($this->file) . "\n";
        return $options + [CURLOPT_CAINFO_BLOB => $system . $this->pem];
    }

    private static function systemBundle(): ?string
    {
        LocalFile::forget();
        foreach (self::SYSTEM_BUNDLES as $path) {
            if (Quiet::call(static fn (): bool => is_file($path))) {
                return $path;
            }
        }
        return null;
    }

    /** The path at which libcurl looks for the system's bundle. libcurl opens it itself, and open_basedir does not apply. */
    private static function ownBundle(): ?string
    {
        $handle = curl_init();
        if ($handle === false) {
            return null;
        }
        $path = self::told($handle, self::OWN_BUNDLE);
        return is_string($path) && str_starts_with($path, '/') ? $path : null;
    }

    private static function told(\CurlHandle $handle, int $what): mixed
    {
        return Quiet::call(static fn (): mixed => curl_getinfo($handle, $what));
    }

    private static function read(string $path): string
    {
        $pem = self::contents($path, 'tls.ca_file');
        $begun = substr_count($pem, '-----BEGIN CERTIFICATE-----');
        if ($begun === 0) {
            throw self::invalid('tls.ca_file holds no certificate');
        }
        preg_match_all(self::CERTIFICATE, $pem, $found);
        if (count($found[1]) !== $begun) {
            throw self::invalid('tls.ca_file is not PEM');
        }
        foreach ($found[1] as $base64) {
            // A certificate is a SEQUENCE of ASN.1.
            $der = base64_decode((string) preg_replace('/\s+/', '', $base64), true);
            if ($der === false || !str_starts_with($der, "\x30")) {
                throw self::invalid('tls.ca_file holds a certificate that cannot be used');
            }
        }
        return $pem;
    }

    private static function contents(string $path, string $name): string
    {
        return LocalFile::read(LocalFile::local($path)) ?? throw self::invalid($name . ' cannot be read: ' . $path
            . (LocalFile::isConfined() ? '; it has to lie where open_basedir lets PHP read' : ''));
    }

    private static function invalid(string $message): OutboundException
    {
        return OutboundException::create('configuration.invalid', $message);
    }
}
