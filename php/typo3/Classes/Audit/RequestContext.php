<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Audit;

use Netresearch\NrVault\Outbound\Audit\CallContext;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Core\Authentication\AbstractUserAuthentication;
use TYPO3\CMS\Core\Authentication\BackendUserAuthentication;
use TYPO3\CMS\Core\Core\Environment;
use TYPO3\CMS\Core\Core\RequestId;
use TYPO3\CMS\Core\Http\ApplicationType;
use TYPO3\CMS\Frontend\Authentication\FrontendBackendUserAuthentication;

/**
 * Who makes a call, as TYPO3 knows it at that moment. It is asked before a secret is read in the name of a technical user.
 *
 * @internal
 */
final readonly class RequestContext implements CallContext
{
    public const BACKEND = 'backend_user';
    public const FRONTEND = 'frontend_user';
    public const VISITOR = 'visitor';
    public const COMMAND = 'cli';
    public const SCHEDULER = 'scheduler';

    private const TRACE = '/\A[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\z/';

    public function __construct(private RequestId $requestId)
    {
    }

    public function actorType(): string
    {
        return $this->actor()[0];
    }

    public function actorId(): ?string
    {
        return $this->actor()[1];
    }

    public function requestId(): string
    {
        return (string) $this->requestId;
    }

    public function traceparent(): ?string
    {
        $trace = self::request()?->getHeaderLine('traceparent') ?? '';
        return preg_match(self::TRACE, $trace) === 1 ? $trace : null;
    }

    /**
     * @return array{string, string|null}
     */
    private function actor(): array
    {
        $request = self::request();
        if ($request === null && Environment::isCli()) {
            return self::command();
        }
        $user = $GLOBALS['BE_USER'] ?? null;
        if ($request === null ? !self::isOfBackend($user) : ApplicationType::fromRequest($request)->isFrontend()) {
            // A visitor who is also logged in to the backend counts as a visitor: the page may be cached and shown to everybody.
            $visitor = self::uid($request?->getAttribute('frontend.user'));
            return $visitor === null ? [self::VISITOR, null] : [self::FRONTEND, $visitor];
        }
        return [self::BACKEND, self::uid($user)];
    }

    /**
     * In a middleware or for an eID TYPO3 has not published its request yet; there the class of the user tells the kind of
     * request.
     */
    private static function isOfBackend(mixed $user): bool
    {
        return $user instanceof BackendUserAuthentication && !$user instanceof FrontendBackendUserAuthentication;
    }

    /**
     * @return array{string, string|null} the name of the command is its actor
     */
    private static function command(): array
    {
        $arguments = $_SERVER['argv'] ?? [];
        $name = is_array($arguments) ? $arguments[1] ?? null : null;
        $name = is_string($name) && preg_match('/\A[a-z][a-z0-9:._-]{0,63}\z/', $name) === 1 ? $name : null;
        return [$name === 'scheduler:run' ? self::SCHEDULER : self::COMMAND, $name];
    }

    private static function uid(mixed $session): ?string
    {
        $uid = $session instanceof AbstractUserAuthentication && is_array($session->user) ? $session->user['uid'] ?? null : null;
        return is_numeric($uid) && (int) $uid > 0 ? (string) (int) $uid : null;
    }

    private static function request(): ?ServerRequestInterface
    {
        $request = $GLOBALS['TYPO3_REQUEST'] ?? null;
        return $request instanceof ServerRequestInterface && $request->getAttribute('applicationType') !== null ? $request : null;
    }
}
