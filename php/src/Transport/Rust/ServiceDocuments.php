<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Rust;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * The part of the request head that all requests to a service have in common, encoded once. Calls of one service have the same
 * policy and reference objects as long as its registry object exists.
 *
 * @internal
 */
final class ServiceDocuments
{
    /** @var \WeakMap<Policy, array{list<mixed>, string}> */
    private \WeakMap $known;

    public function __construct()
    {
        $this->known = new \WeakMap();
    }

    /**
     * @param list<CredentialReference> $references
     * @return string JSON, '' for a request without a policy
     * @throws OutboundException invalid_request.malformed for text that is not UTF-8
     */
    public function of(#[\SensitiveParameter] RequestSpec $request, array $references): string
    {
        if ($request->policy === null) {
            return '';
        }
        $of = [
            $request->serviceId,
            $request->baseUrl,
            $request->idempotencyHeader,
            $request->alternatives,
            $references,
        ];
        [$known, $document] = $this->known[$request->policy] ?? [[], ''];
        if ($known !== $of) {
            $document = $request->serviceHead($references);
            $this->known[$request->policy] = [$of, $document];
        }
        return $document;
    }
}
