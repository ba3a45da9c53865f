<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Audit;

use Netresearch\NrSecureOutbound\Audit\RequestContext;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;
use TYPO3\CMS\Core\Authentication\AbstractUserAuthentication;
use TYPO3\CMS\Core\Authentication\BackendUserAuthentication;
use TYPO3\CMS\Core\Core\ApplicationContext;
use TYPO3\CMS\Core\Core\Environment;
use TYPO3\CMS\Core\Core\RequestId;
use TYPO3\CMS\Core\Core\SystemEnvironmentBuilder;
use TYPO3\CMS\Core\Http\ServerRequest;
use TYPO3\CMS\Frontend\Authentication\FrontendBackendUserAuthentication;
use TYPO3\CMS\Frontend\Authentication\FrontendUserAuthentication;

/**
 * Who is recorded as the caller, during a request and before TYPO3 has published it.
 */
final class RequestContextTest extends TestCase
{
    protected function tearDown(): void
    {
        unset($GLOBALS['BE_USER'], $GLOBALS['TYPO3_REQUEST']);
    }

    /**
     * @return array<string, array{int|null, class-string<AbstractUserAuthentication>|null, array{string, string|null}}>
     */
    public static function callers(): array
    {
        $backend = SystemEnvironmentBuilder::REQUESTTYPE_BE;
        $frontend = SystemEnvironmentBuilder::REQUESTTYPE_FE;
        return [
            'a backend user' => [$backend, BackendUserAuthentication::class, ['backend_user', '7']],
            'a backend without a user' => [$backend, null, ['backend_user', null]],
            'a visitor' => [$frontend, null, ['visitor', null]],
            'a visitor with a backend cookie' => [$frontend, FrontendBackendUserAuthentication::class, ['visitor', null]],
            'a middleware of the backend' => [null, BackendUserAuthentication::class, ['backend_user', '7']],
            'a middleware of the frontend' => [null, null, ['visitor', null]],
            'a middleware of the frontend, with a backend cookie' => [null, FrontendBackendUserAuthentication::class, ['visitor', null]],
        ];
    }

    /**
     * @param int|null $type of the request; null if TYPO3 has not published it yet
     * @param class-string<AbstractUserAuthentication>|null $user
     * @param array{string, string|null} $actor
     */
    #[Test]
    #[DataProvider('callers')]
    public function whoMakesACallIsKnownByRequestAndUser(?int $type, ?string $user, array $actor): void
    {
        self::environment(false);
        if ($type !== null) {
            $GLOBALS['TYPO3_REQUEST'] = (new ServerRequest('https://typo3.example/'))->withAttribute('applicationType', $type);
        }
        if ($user !== null) {
            $GLOBALS['BE_USER'] = self::user($user);
        }

        $context = new RequestContext(new RequestId());

        self::assertSame($actor, [$context->actorType(), $context->actorId()]);
    }

    #[Test]
    public function aLoggedInVisitorIsNamed(): void
    {
        self::environment(false);
        $GLOBALS['TYPO3_REQUEST'] = (new ServerRequest('https://typo3.example/'))
            ->withAttribute('applicationType', SystemEnvironmentBuilder::REQUESTTYPE_FE)
            ->withAttribute('frontend.user', self::user(FrontendUserAuthentication::class));

        $context = new RequestContext(new RequestId());

        self::assertSame(['frontend_user', '7'], [$context->actorType(), $context->actorId()]);
    }

    #[Test]
    public function aCommandIsNamedWhoeverIsLoggedIn(): void
    {
        self::environment(true);
        $GLOBALS['BE_USER'] = self::user(BackendUserAuthentication::class);
        $_SERVER['argv'] = ['typo3', 'scheduler:run'];

        $context = new RequestContext(new RequestId());

        self::assertSame(['scheduler', 'scheduler:run'], [$context->actorType(), $context->actorId()]);
    }

    /**
     * @param class-string<AbstractUserAuthentication> $class
     */
    private static function user(string $class): AbstractUserAuthentication
    {
        $user = (new \ReflectionClass($class))->newInstanceWithoutConstructor();
        $user->user = ['uid' => 7];
        return $user;
    }

    private static function environment(bool $isCli): void
    {
        $path = sys_get_temp_dir();
        Environment::initialize(new ApplicationContext('Testing'), $isCli, true, $path, $path, $path, $path, "$path/index.php", 'UNIX');
    }
}
