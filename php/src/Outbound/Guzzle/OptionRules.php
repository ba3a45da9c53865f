<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\RequestInterface;

/**
 * What becomes of each of Guzzle's request options. What asks for nothing that the library does not do anyway passes; everything
 * else that it does not do is refused by the name of the option.
 *
 * @internal
 */
final class OptionRules
{
    /** Guzzle's client or its middleware has done it before the handler is called. */
    public const GUZZLE = 'guzzle';
    /** Done as Guzzle's own handlers do it. */
    public const HONOURED = 'honoured';
    /** It can only make less of what policy and configuration allow. */
    public const NARROWS = 'narrows';
    /** Refused, unless it asks for nothing. */
    public const REFUSED = 'refused';

    /** All constants of RequestOptions of Guzzle 7 and 8. */
    public const RULES = [
        'allow_redirects' => self::GUZZLE,
        'auth' => self::REFUSED,
        'body' => self::GUZZLE,
        'cert' => self::REFUSED,
        'cert_type' => self::REFUSED,
        'connect_timeout' => self::NARROWS,
        'cookies' => self::GUZZLE,
        'crypto_method' => self::REFUSED,
        'crypto_method_max' => self::REFUSED,
        'curl' => self::REFUSED,
        'debug' => self::REFUSED,
        'decode_content' => self::REFUSED,
        'delay' => self::HONOURED,
        'expect' => self::REFUSED,
        'force_ip_resolve' => self::REFUSED,
        'form_params' => self::GUZZLE,
        'headers' => self::GUZZLE,
        'http_errors' => self::GUZZLE,
        'idn_conversion' => self::GUZZLE,
        'json' => self::GUZZLE,
        'multipart' => self::GUZZLE,
        'multiplex' => self::REFUSED,
        'on_headers' => self::HONOURED,
        'on_stats' => self::HONOURED,
        'on_trailers' => self::REFUSED,
        'progress' => self::HONOURED,
        'protocols' => self::NARROWS,
        'proxy' => self::REFUSED,
        'query' => self::GUZZLE,
        'read_timeout' => self::NARROWS,
        'request_factory' => self::GUZZLE,
        'response_factory' => self::HONOURED,
        'retries' => self::GUZZLE,
        'sink' => self::HONOURED,
        'ssl_key' => self::REFUSED,
        'ssl_key_type' => self::REFUSED,
        'stream' => self::HONOURED,
        'stream_context' => self::REFUSED,
        'stream_factory' => self::HONOURED,
        'synchronous' => self::HONOURED,
        'timeout' => self::NARROWS,
        'uri_factory' => self::GUZZLE,
        'verify' => self::REFUSED,
        'version' => self::REFUSED,
    ];

    private const INSTEAD = [
        'auth' => 'only basic is there, or a credential of the service',
        'cert' => 'a client certificate is no credential of a service',
        'cert_type' => 'a client certificate is no credential of a service',
        'crypto_method' => 'TLS 1.2 and 1.3 are there',
        'crypto_method_max' => 'TLS 1.2 and 1.3 are there',
        'curl' => 'only TCP keep-alive passes',
        'debug' => 'the audit record says what happened',
        'decode_content' => 'content codings are always undone',
        'expect' => 'no request waits for 100 Continue',
        'force_ip_resolve' => 'all addresses of a host are checked',
        'multiplex' => 'only "wait" and "eager" pass',
        'on_trailers' => 'trailers are not read',
        'proxy' => 'proxy of the configuration decides',
        'ssl_key' => 'a client certificate is no credential of a service',
        'ssl_key_type' => 'a client certificate is no credential of a service',
        'stream_context' => "PHP's streams are not used",
        'verify' => 'tls of the configuration decides',
        'version' => 'HTTP/1.1 and HTTP/2 are there',
    ];

    private const KEEP_ALIVE = ['CURLOPT_TCP_KEEPALIVE', 'CURLOPT_TCP_KEEPIDLE', 'CURLOPT_TCP_KEEPINTVL', 'CURLOPT_TCP_KEEPCNT'];

    /**
     * @param array<mixed> $options
     * @throws OutboundException invalid_request.malformed
     */
    public static function check(
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] array $options,
    ): void {
        foreach (self::RULES as $name => $rule) {
            $value = $options[$name] ?? null;
            if ($rule === self::REFUSED && $value !== null && !self::passes($name, $value, $request, $options)) {
                throw self::refusal($name, self::INSTEAD[$name] ?? '');
            }
        }
        if (!in_array($request->getProtocolVersion(), ['1.1', '2', '2.0'], true)) {
            throw self::refusal('version', self::INSTEAD['version']);
        }
        if (preg_match('/\A(?:digest|ntlm|negotiate)\b/i', $request->getHeaderLine('Authorization')) === 1) {
            throw self::refusal('auth', self::INSTEAD['auth']);
        }
        $protocols = $options['protocols'] ?? null;
        if ($protocols !== null && (!is_array($protocols) || !in_array($request->getUri()->getScheme(), $protocols, true))) {
            throw self::refusal('protocols', 'it does not have the scheme of the URL');
        }
        self::seconds($options, 'connect_timeout');
        self::seconds($options, 'timeout');
        self::seconds($options, 'read_timeout');
        self::seconds($options, 'delay');
        foreach (['on_headers', 'on_stats', 'progress'] as $name) {
            if (isset($options[$name]) && !is_callable($options[$name])) {
                throw self::refusal($name, 'it is not callable');
            }
        }
    }

    /**
     * A number of seconds, or of milliseconds for a delay.
     *
     * @param array<mixed> $options
     * @return float|null null: none is set, or it is 0
     * @throws OutboundException invalid_request.malformed
     */
    public static function seconds(#[\SensitiveParameter] array $options, string $name): ?float
    {
        $value = $options[$name] ?? 0;
        if (!is_numeric($value) || !is_finite((float) $value) || (float) $value < 0) {
            throw self::refusal($name, 'it is no number from 0');
        }
        return (float) $value === 0.0 ? null : (float) $value;
    }

    /**
     * @param array<mixed> $options
     */
    private static function passes(
        string $name,
        #[\SensitiveParameter] mixed $value,
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] array $options,
    ): bool {
        return match ($name) {
            'auth' => is_array($value)
                ? $value === [] || !isset($value[2]) || (is_string($value[2]) && strtolower($value[2]) === 'basic')
                : $value === false || is_string($value),
            'curl' => is_array($value) && self::isKeepAlive($value),
            'debug', 'expect' => $value === false,
            'decode_content' => $value !== false || $request->getMethod() === 'HEAD',
            'multiplex' => $value === 'wait' || $value === 'eager',
            'proxy' => self::isOfEnvironment($value),
            'stream_context' => $value === [],
            'verify' => $value === true,
            // It was put into the request.
            'version' => true,
            default => false,
        };
    }

    /**
     * @param array<mixed> $curl
     */
    private static function isKeepAlive(#[\SensitiveParameter] array $curl): bool
    {
        $known = array_map(constant(...), array_filter(self::KEEP_ALIVE, defined(...)));
        foreach (array_keys($curl) as $option) {
            if (!in_array($option, $known, true)) {
                return false;
            }
        }
        return true;
    }

    /** What Guzzle takes from the environment by itself asks for nothing. */
    private static function isOfEnvironment(#[\SensitiveParameter] mixed $proxy): bool
    {
        if (is_string($proxy)) {
            return $proxy === '' || in_array($proxy, [getenv('HTTP_PROXY'), getenv('HTTPS_PROXY')], true);
        }
        if (!is_array($proxy)) {
            return false;
        }
        foreach (['http' => 'HTTP_PROXY', 'https' => 'HTTPS_PROXY'] as $scheme => $variable) {
            $value = $proxy[$scheme] ?? '';
            if ($value !== '' && $value !== getenv($variable)) {
                return false;
            }
        }
        return array_diff(array_keys($proxy), ['http', 'https', 'no']) === [];
    }

    private static function refusal(string $name, string $why): OutboundException
    {
        return OutboundException::malformed("the option $name of Guzzle is refused: $why");
    }
}
