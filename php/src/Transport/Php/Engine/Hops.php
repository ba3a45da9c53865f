<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Net\Outgoing;
use Netresearch\NrVault\Transport\Php\Net\ResponseHead;
use Netresearch\NrVault\Transport\Php\Net\Transfer;
use Netresearch\NrVault\Transport\Php\Net\Upload;
use Netresearch\NrVault\Transport\Php\Policy\Admitted;

/**
 * One attempt: a request and the redirects that follow it. libcurl follows no redirect; every rule is applied to each hop again.
 *
 * @internal
 */
final class Hops
{
    private const REDIRECTS = [301, 302, 303, 307, 308];

    private Admitted $at;
    private Outgoing $outgoing;

    /** Status of the redirect that led to the current hop. */
    private ?int $redirected = null;

    public function __construct(
        private readonly Settings $settings,
        private readonly Prepared $prepared,
        private readonly Recorder $recorder,
    ) {
        $this->at = $prepared->admitted;
        $this->outgoing = $prepared->outgoing;
    }

    /**
     * Makes the attempt.
     *
     * @return \Generator<int, int, mixed, array{Transfer, ResponseHead}> yields how many milliseconds it would wait at most
     * @throws OutboundException with the worst "sent" of its hops
     */
    public function attempt(): \Generator
    {
        for ($hops = 0; true; $hops++) {
            [$transfer, $head] = yield from $this->send();
            try {
                $location = $this->bodyCanFollow($head->status) ? $this->location($head) : null;
                if ($location === null) {
                    return [$transfer, $head];
                }
                if ($hops >= $this->prepared->maxRedirects) {
                    throw self::refused('the response redirects more often than max_redirects allows');
                }
                $this->follow($location, $head->status);
            } catch (OutboundException $refusal) {
                $transfer->close();
                throw $refusal->withSent('yes', $head->status);
            }
            $transfer->close();
            $this->redirected = $head->status;
        }
    }

    /**
     * @return \Generator<int, int, mixed, array{Transfer, ResponseHead}>
     */
    private function send(): \Generator
    {
        try {
            return yield from $this->settings->exchange->send(
                $this->outgoing,
                $this->prepared->limits,
                $this->recorder->usage,
            );
        } catch (OutboundException $failure) {
            if ($this->redirected === null) {
                throw $failure;
            }
            throw $failure->errorCode() === 'policy.address_not_allowed'
                ? self::refused('the redirect is refused: ' . $failure->reason())->withSent('yes', $this->redirected)
                : $failure->withSent('yes', $failure->httpStatus());
        }
    }

    /** A body that is read in pieces is sent once: a redirect that would repeat it is the caller's. */
    private function bodyCanFollow(int $status): bool
    {
        return !$this->outgoing->body instanceof Upload || $this->becomesGet($status);
    }

    private function becomesGet(int $status): bool
    {
        return $status === 303 || $this->outgoing->method === 'POST' && in_array($status, [301, 302], true);
    }

    /** Where a response redirects to, if it does. */
    private function location(ResponseHead $head): ?string
    {
        $locations = $head->values('location');
        if ($this->prepared->maxRedirects === 0 || !in_array($head->status, self::REDIRECTS, true) || $locations === []) {
            return null;
        }
        if (preg_match('//u', $locations[0]) !== 1) {
            throw self::refused('the redirect is refused: its location is not UTF-8');
        }
        return count($locations) === 1
            ? $locations[0]
            : throw self::refused('the redirect is refused: it names two locations');
    }

    /** Turns the request into that of the next hop, to which every rule is applied again. */
    private function follow(#[\SensitiveParameter] string $location, int $status): void
    {
        $outgoing = $this->becomesGet($status) ? $this->outgoing->asGet() : $this->outgoing;
        $this->at = $this->settings->decision->redirect(
            $this->at,
            $location,
            $outgoing->method,
            $this->prepared->hasCredential,
        );
        foreach ($this->prepared->bindings as [$identifier, $binding]) {
            $binding->checkRedirect($identifier, $this->at->target, $outgoing->method);
        }
        if ($this->prepared->changes->query !== null) {
            // The server decides whether Location repeats the parameter, so the credential could conflict with it.
            throw self::refused('the redirect is refused: the credential is in the query');
        }
        $this->outgoing = $outgoing->to($this->at->target);
    }

    private static function refused(string $message): OutboundException
    {
        return OutboundException::create('policy.redirect_not_allowed', $message);
    }
}
