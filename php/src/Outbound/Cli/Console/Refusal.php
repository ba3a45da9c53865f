<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Console;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Says what to do about a refusal or a failure.
 *
 * @internal
 */
final class Refusal
{
    private const REMEDIES = [
        'invalid_request.malformed' => 'correct the value that the message names',
        'policy.missing' => 'give the service a policy with allowed_methods',
        'policy.scheme_not_allowed' => 'use https; http takes allow_http and an entry in internal_hosts',
        'policy.host_not_allowed' => 'add the host to policy.allowed_hosts, if the service may reach it, and to '
            . 'limits.hosts, where the configuration has it',
        'policy.port_not_allowed' => 'add host:port to policy.allowed_hosts, if the service may reach it',
        'policy.method_not_allowed' => 'add the method to policy.allowed_methods, if the service may use it',
        'policy.path_not_allowed' => 'add a pattern for the whole path, base path included, to policy.allowed_paths',
        'policy.path_not_canonical' => 'write the path without dot segments, //, backslashes, ? and #; a slash as %2f '
            . 'takes policy.allow_encoded_slash',
        'policy.address_not_allowed' => 'an address that is not public takes an entry in internal_hosts, with the '
            . 'networks and ports it may have',
        'policy.header_not_allowed' => 'leave the header out: the library or the credential sets it',
        'policy.request_too_large' => 'send less, or raise request_bytes of the policy, up to the limits',
        'policy.redirect_not_allowed' => 'call the target itself, or raise policy.max_redirects where no credential '
            . 'leaves its origin',
        'policy.binding_violated' => 'the binding sealed with the credential forbids this: seal the credential again',
        'policy.circuit_open' => 'the service failed too often: look at its last errors, or call again later',
        'policy.caller_limit' => "wait for other calls to end, or raise the limits of callers in the sidecar's configuration",
        'policy.service_unknown' => 'add the service to the registry, or correct its id',
        'policy.service_disabled' => 'correct the entry: secure-outbound doctor --registry=FILE names it',
        'policy.service_not_enabled' => 'add the service to those that the settings of this installation enable, if it may be '
            . 'called here',
        'credential.malformed' => 'seal the credential again: what is stored is no envelope',
        'credential.unsupported' => 'seal the credential again, as a type and with an algorithm of this version; '
            . 'an oauth2 type and one that signs need transport "rust"',
        'credential.authentication_failed' => 'identifier or master key is another than at sealing: compare both',
        'credential.payload_invalid' => 'the type in the registry is not what was sealed: compare both',
        'credential.expired' => 'seal a new credential: expires_at of its binding is over',
        'credential.unusable' => 'the secret cannot be put where it is to be placed: look for line breaks in it',
        'credential.placement_conflict' => 'two credentials, or a credential and the request, fill one place',
        'credential.clock_skew' => "set this host's clock, and keep it by NTP",
        'credential.key_unavailable' => 'secure-outbound doctor --config=FILE names the master key that cannot be read',
        'credential.not_found' => 'lay the envelope down under the identifier that the registry names',
        'credential.access_denied' => 'give the caller access to the credential, and PHP access to its file',
        'oauth.token_endpoint_rejected' => 'the message names what the token endpoint does not take: fix it, and seal the '
            . 'client again',
        'oauth.token_response_invalid' => 'look at token_url: what responds there gives no token',
        'oauth.token_endpoint_unreachable' => 'try again; if it stays, look at the token endpoint and the way there',
        'oauth.consent_required' => 'consent anew, and seal what comes of it',
        'oauth.store_unavailable' => 'secure-outbound doctor --config=FILE names what is wrong with refresh_tokens.directory',
        'dns.not_found' => 'correct the host of the base URL',
        'dns.failed' => "try again; if it stays, look at this machine's resolver",
        'connect.refused' => 'nobody listens there: look at the port, and at the service',
        'connect.failed' => 'look at the way there: routes, firewall, proxy',
        'connect.proxy_refused' => "look at the proxy's rules, and at user and password in proxy.url",
        'tls.certificate_invalid' => "correct the server's certificate, or name its authority in tls.ca_file",
        'tls.handshake_failed' => 'the server has to speak TLS 1.2 or 1.3; where an old firewall or proxy on the way ends it, '
            . 'set tls.post_quantum to false',
        'tls.client_certificate_refused' => 'look at the certificate: its end, its issuer, the intermediate ones in certificate_chain; '
            . 'and seal the one that the server takes',
        'timeout.connect' => 'look at the way there, or raise connect_timeout_ms',
        'timeout.total' => 'raise timeout_ms; look at sent before you repeat the call',
        'timeout.idle' => 'raise idle_timeout_ms, if the service may be silent for so long',
        'cancelled.requested' => 'nothing: the caller has cancelled the call',
        'cancelled.abandoned' => 'read a stream to its end, or cancel it',
        'protocol.closed_early' => 'look at sent before you repeat the call',
        'protocol.invalid' => 'what responds there does not speak HTTP as it should',
        'response.too_large' => 'raise response_bytes of the policy, up to the limits, or memory_limit of PHP',
        'response.event_too_large' => 'give events() a higher limit, if the service sends such events',
        'response.decoding_failed' => 'the server encodes its answer in a way that is not known',
        'configuration.invalid' => 'correct the key of the configuration that the message names',
        'configuration.transport_unavailable' => 'secure-outbound doctor names what is missing',
        'configuration.vault_incompatible' => 'install a release of this package that knows the installed nr-vault',
        'internal.interrupted' => 'look for a fatal error or a signal handler of that time; whether it was sent is not known',
        'internal.audit_failed' => 'the audit record could not be written: look at the sink',
        'internal.part_failed' => 'a part that the host gave threw: look at the class that the message names',
        'internal.panic' => 'a bug: please report it, without secrets',
    ];

    /** The remedy for a refusal. Several faults may have the same code; its message tells which one it is. */
    public static function remedyOf(OutboundException $refusal): string
    {
        $isInternalPort = $refusal->errorCode() === 'policy.port_not_allowed'
            && str_contains($refusal->getMessage(), 'internal host');
        return $isInternalPort
            ? 'add the port to the entry of the host in internal_hosts of the configuration'
            : self::remedy($refusal->errorCode());
    }

    public static function remedy(string $code): string
    {
        return self::REMEDIES[$code] ?? 'docs/wire.md explains the code';
    }

    /** Lines for a person. */
    public static function describe(OutboundException $refusal): string
    {
        $status = $refusal->httpStatus() === null ? '' : ', HTTP status ' . $refusal->httpStatus();
        return sprintf(
            "%s: %s\nwhat to do: %s\nsent: %s%s\n",
            $refusal->errorCode(),
            $refusal->reason(),
            self::remedyOf($refusal),
            $refusal->sent(),
            $status,
        );
    }

    /**
     * The same for a program.
     *
     * @return array<string, mixed>
     */
    public static function toArray(OutboundException $refusal): array
    {
        return [
            'code' => $refusal->errorCode(),
            'message' => $refusal->reason(),
            'remedy' => self::remedyOf($refusal),
            'retryable' => $refusal->isRetryable(),
            'sent' => $refusal->sent(),
            'http_status' => $refusal->httpStatus(),
        ];
    }
}
