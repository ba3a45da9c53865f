<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\PolicyForm;

/**
 * The versions of HTTP that may be used. HTTP/3 is never among them: this transport does not speak it.
 *
 * @internal
 */
final readonly class Versions
{
    public function __construct(public bool $http1 = true, public bool $http2 = true)
    {
    }

    /**
     * @param array<string> $list
     */
    public static function of(array $list): self
    {
        return new self(in_array('1.1', $list, true), in_array('2', $list, true));
    }

    /**
     * The versions that are left by a policy.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public function narrowed(Policy $policy): self
    {
        $wanted = self::of($policy->httpVersions ?? PolicyForm::HTTP_VERSIONS);
        $left = new self($this->http1 && $wanted->http1, $this->http2 && $wanted->http2);
        return $left->http1 || $left->http2 ? $left : throw OutboundException::malformed(
            'http_versions of the policy has neither 2 nor 1.1 in common with http_versions of the configuration',
        );
    }

    /**
     * @return list<string>
     */
    public function names(): array
    {
        return [...($this->http2 ? ['2'] : []), ...($this->http1 ? ['1.1'] : [])];
    }
}
