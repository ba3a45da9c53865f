<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

/**
 * The codes of errors, and what they mean. `make codes` makes this file of the tables in docs/wire.md.
 *
 * Cases are only ever added.
 *
 * @api
 */
enum ErrorCode: string
{
    case InvalidRequestMalformed = 'invalid_request.malformed';
    case PolicyMissing = 'policy.missing';
    case PolicySchemeNotAllowed = 'policy.scheme_not_allowed';
    case PolicyHostNotAllowed = 'policy.host_not_allowed';
    case PolicyPortNotAllowed = 'policy.port_not_allowed';
    case PolicyMethodNotAllowed = 'policy.method_not_allowed';
    case PolicyPathNotAllowed = 'policy.path_not_allowed';
    case PolicyPathNotCanonical = 'policy.path_not_canonical';
    case PolicyAddressNotAllowed = 'policy.address_not_allowed';
    case PolicyHeaderNotAllowed = 'policy.header_not_allowed';
    case PolicyRequestTooLarge = 'policy.request_too_large';
    case PolicyRedirectNotAllowed = 'policy.redirect_not_allowed';
    case PolicyBindingViolated = 'policy.binding_violated';
    case PolicyCircuitOpen = 'policy.circuit_open';
    case CredentialMalformed = 'credential.malformed';
    case CredentialUnsupported = 'credential.unsupported';
    case CredentialAuthenticationFailed = 'credential.authentication_failed';
    case CredentialPayloadInvalid = 'credential.payload_invalid';
    case CredentialExpired = 'credential.expired';
    case CredentialUnusable = 'credential.unusable';
    case CredentialPlacementConflict = 'credential.placement_conflict';
    case CredentialClockSkew = 'credential.clock_skew';
    case CredentialKeyUnavailable = 'credential.key_unavailable';
    case OauthTokenEndpointRejected = 'oauth.token_endpoint_rejected';
    case OauthTokenResponseInvalid = 'oauth.token_response_invalid';
    case OauthTokenEndpointUnreachable = 'oauth.token_endpoint_unreachable';
    case OauthConsentRequired = 'oauth.consent_required';
    case OauthStoreUnavailable = 'oauth.store_unavailable';
    case DnsNotFound = 'dns.not_found';
    case DnsFailed = 'dns.failed';
    case ConnectRefused = 'connect.refused';
    case ConnectFailed = 'connect.failed';
    case ConnectProxyRefused = 'connect.proxy_refused';
    case TlsCertificateInvalid = 'tls.certificate_invalid';
    case TlsHandshakeFailed = 'tls.handshake_failed';
    case TlsClientCertificateRefused = 'tls.client_certificate_refused';
    case TimeoutConnect = 'timeout.connect';
    case TimeoutTotal = 'timeout.total';
    case TimeoutIdle = 'timeout.idle';
    case CancelledRequested = 'cancelled.requested';
    case CancelledAbandoned = 'cancelled.abandoned';
    case ProtocolClosedEarly = 'protocol.closed_early';
    case ProtocolInvalid = 'protocol.invalid';
    case ResponseDecodingFailed = 'response.decoding_failed';
    case ResponseTooLarge = 'response.too_large';
    case ConfigurationInvalid = 'configuration.invalid';
    case InternalPanic = 'internal.panic';
    case PolicyServiceUnknown = 'policy.service_unknown';
    case PolicyServiceDisabled = 'policy.service_disabled';
    case PolicyServiceNotEnabled = 'policy.service_not_enabled';
    case PolicyCallerLimit = 'policy.caller_limit';
    case CredentialNotFound = 'credential.not_found';
    case CredentialAccessDenied = 'credential.access_denied';
    case ConfigurationTransportUnavailable = 'configuration.transport_unavailable';
    case ConfigurationVaultIncompatible = 'configuration.vault_incompatible';
    case ResponseEventTooLarge = 'response.event_too_large';
    case InternalInterrupted = 'internal.interrupted';
    case InternalAuditFailed = 'internal.audit_failed';
    case InternalPartFailed = 'internal.part_failed';

    /** The part before the dot, such as "policy". */
    public function errorClass(): string
    {
        return (string) strstr($this->value, '.', true);
    }

    /** What the code means and what to do about it, as docs/wire.md has it. */
    public function meaning(): string
    {
        return match ($this) {
            self::InvalidRequestMalformed =>
                'a document, or a value in it, does not have its form; the message names the key',
            self::PolicyMissing =>
                'the request carries no policy, or one without methods',
            self::PolicySchemeNotAllowed =>
                'the scheme is not `https`, or `http` is not allowed there: it takes `allow_http` and an internal '
                    . 'host',
            self::PolicyHostNotAllowed =>
                'the host is in no `allowed_hosts` entry, or the configuration\'s `limits.hosts` does not name it with '
                    . 'this port',
            self::PolicyPortNotAllowed =>
                'the host is allowed, its port is not',
            self::PolicyMethodNotAllowed =>
                'the method is not in `allowed_methods`, which the message lists, or is CONNECT or TRACE',
            self::PolicyPathNotAllowed =>
                'no pattern of `allowed_paths` matches, and the message lists them; or the path lies outside the base '
                    . 'path',
            self::PolicyPathNotCanonical =>
                'the path could be read in two ways; write it in one',
            self::PolicyAddressNotAllowed =>
                'an address of the host is not public, or lies outside an internal host\'s networks; the message names '
                    . 'the range',
            self::PolicyHeaderNotAllowed =>
                'the request sets a header that is not the caller\'s; the message names it',
            self::PolicyRequestTooLarge =>
                'the body is above `request_bytes`, or the files of a form do not fit into PHP\'s `memory_limit`, or '
                    . 'the head is larger than the server takes over HTTP/3; the message says which limit and how much it '
                    . 'allows',
            self::PolicyRedirectNotAllowed =>
                'a redirect leads where none may',
            self::PolicyBindingViolated =>
                'the binding sealed with the credential does not allow this request, or has no `hosts` where '
                    . '`limits.require_binding` demands them; the message names the credential, and where only the scheme '
                    . 'is another, the entry of `hosts` to seal',
            self::PolicyCircuitOpen =>
                'the service has failed too often, and by its `breaker` gets no requests for a while; nothing was '
                    . 'attempted',
            self::CredentialMalformed =>
                'the envelope is not one',
            self::CredentialUnsupported =>
                'the envelope\'s version or algorithm, or the credential\'s type, is not supported',
            self::CredentialAuthenticationFailed =>
                'no master key opens the envelope for this identifier',
            self::CredentialPayloadInvalid =>
                'the opened payload does not have its type\'s form',
            self::CredentialExpired =>
                'the sealed `expires_at` has passed',
            self::CredentialUnusable =>
                'the value cannot be put where it is to go',
            self::CredentialPlacementConflict =>
                'the place is taken already',
            self::CredentialClockSkew =>
                'this host\'s clock is off by more than 15 minutes, and the token endpoint refuses what is signed by '
                    . 'it: set the clock. Of an attempt that an API refused for the time it is in `attempt_errors`, see '
                    . 'signing.md',
            self::CredentialKeyUnavailable =>
                'no usable master key; look at the warnings of `open`',
            self::OauthTokenEndpointRejected =>
                'the token endpoint responded with 4xx, or an error with 200; the message names the error code of RFC '
                    . '6749 section 5.2 (or `invalid_target`) and nothing else of the response',
            self::OauthTokenResponseInvalid =>
                'the token endpoint\'s response is no token response: another status than 200 and 201, a redirect, '
                    . 'more than 64 KiB, no acceptable HTTP, no JSON object, no `access_token` that can be sent in a '
                    . 'header, a `token_type` other than `bearer` and the one sealed with the client, an `expires_in` that '
                    . 'is no number or is over',
            self::OauthTokenEndpointUnreachable =>
                'the token endpoint\'s name, port, certificate or TLS failed, no response came in time or to its end, '
                    . 'or it responded with 408, 429 or 5xx. What the policy or the address guard refuses stays '
                    . '`policy.…`, with "the token URL is refused"',
            self::OauthConsentRequired =>
                'the token endpoint has refused the refresh token (`invalid_grant`), now or before: somebody has to '
                    . 'consent anew, and what comes of that to be sealed',
            self::OauthStoreUnavailable =>
                '`refresh_tokens.directory` is not configured, is not as it has to be, cannot be written, or has a '
                    . 'file for the credential that no master key opens; nothing was sent to the token endpoint, unless the '
                    . 'message says that an answer is lost',
            self::DnsNotFound =>
                'the name does not exist',
            self::DnsFailed =>
                'the name could not be resolved now',
            self::ConnectRefused =>
                'nobody listens at the port',
            self::ConnectFailed =>
                'the host cannot be reached',
            self::ConnectProxyRefused =>
                'the proxy would not open a tunnel, or wants other credentials (407)',
            self::TlsCertificateInvalid =>
                'the server\'s certificate is not valid; the message says why',
            self::TlsHandshakeFailed =>
                'TLS 1.2 or 1.3 could not be agreed. Where a firewall or proxy on the way does not let a large '
                    . 'ClientHello pass, `tls.post_quantum: false` sends a small one',
            self::TlsClientCertificateRefused =>
                'the server refused the client certificate in the handshake; the message says why. Nothing of the '
                    . 'request was processed',
            self::TimeoutConnect =>
                'no connection within `connect_timeout_ms`',
            self::TimeoutTotal =>
                'the whole took longer than `timeout_ms`',
            self::TimeoutIdle =>
                'nothing came for too long while somebody waited for it: for `idle_timeout_ms`, or for 60 s of a '
                    . 'response that is read in pieces, where neither the request nor the policy limits that time or the '
                    . 'whole',
            self::CancelledRequested =>
                'the caller has cancelled the call; `sent` says what is known of it',
            self::CancelledAbandoned =>
                'a response that is read in pieces was left before its end. It is in the audit record only',
            self::ProtocolClosedEarly =>
                'the connection ended before the response did',
            self::ProtocolInvalid =>
                'the response is not HTTP as the library accepts it: a head over 64 KiB or 100 fields, a status that '
                    . 'is not one of 100 to 999, 101, `transfer-encoding` together with `content-length` or other than '
                    . '`chunked`, folded header lines, more than 100 interim responses',
            self::ResponseDecodingFailed =>
                'the response\'s content coding is unknown, broken, in a window that is too large, or more than two '
                    . 'stacked',
            self::ResponseTooLarge =>
                'the response\'s body is above `response_bytes`, decoded or not, and the message says which limit and '
                    . 'how much it allows; or it does not fit into PHP\'s `memory_limit`',
            self::ConfigurationInvalid =>
                'the configuration does not have its form, and the message names the key; or a file of it is not '
                    . 'there, and the message names the file',
            self::InternalPanic =>
                'a bug in the library or in this package\'s PHP; please report it, without secrets',
            self::PolicyServiceUnknown =>
                'the registry has no service of this id; the message lists those that it has. Or the sidecar has none '
                    . 'for this user, and does not say more',
            self::PolicyServiceDisabled =>
                'the registry\'s entry has a fault; the message names the field',
            self::PolicyServiceNotEnabled =>
                'the installation names the services that may be called in it, and this is none of them',
            self::PolicyCallerLimit =>
                'the user, or all users of the sidecar together, already have as many calls or bytes as its '
                    . 'configuration allows; nothing was sent',
            self::CredentialNotFound =>
                'there is no envelope for a credential of the service; the message names the credential',
            self::CredentialAccessDenied =>
                'there is one, and this process or actor may not have it',
            self::ConfigurationTransportUnavailable =>
                'the library is not bound, and preload.md says how to fix it; or PHP lacks an extension that '
                    . '`PhpTransport` needs, or `disable_functions` takes away a function, which the message names, or '
                    . '`php_transport` forbids it, or a policy\'s `http_versions` has no `1.1` there',
            self::ConfigurationVaultIncompatible =>
                'the installed nr-vault is not as this package knows it, and its secrets cannot be asked for; the '
                    . 'message names version and method',
            self::ResponseEventTooLarge =>
                'an event of the stream is longer than the caller takes',
            self::InternalInterrupted =>
                'the call was left before its end, by an exception of a signal handler, a fatal error of PHP or '
                    . '`exit`. It is in the audit record only, because the interrupted caller gets no exception of this '
                    . 'package, and counts as `sent: maybe`',
            self::InternalAuditFailed =>
                'the service\'s audit mode is `required` and the record could not be written, or the sidecar could not '
                    . 'write its own. `sent: no`: the call was not made; otherwise `sent` and `http_status` are those of '
                    . 'the call',
            self::InternalPartFailed =>
                'a part that the host gave threw an exception that its interface does not declare: a registry, a '
                    . 'provider of credentials, a call context, a logger, the `material` of a master key. The message names '
                    . 'the class of what it threw and nothing else of it; nothing was sent',
        };
    }
}
