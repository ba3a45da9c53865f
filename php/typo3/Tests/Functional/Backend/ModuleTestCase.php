<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Backend;

use Netresearch\NrSecureOutbound\Audit\AuditRows;
use Netresearch\NrSecureOutbound\Tests\Functional\CallTestCase;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Transport\Text\Uuid7;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\RequestHandlerInterface;
use TYPO3\CMS\Backend\Http\RouteDispatcher;
use TYPO3\CMS\Backend\Middleware\BackendModuleValidator;
use TYPO3\CMS\Backend\Routing\Router;
use TYPO3\CMS\Backend\Routing\UriBuilder;
use TYPO3\CMS\Core\Core\SystemEnvironmentBuilder;
use TYPO3\CMS\Core\Http\NormalizedParams;
use TYPO3\CMS\Core\Http\ServerRequest;
use TYPO3\CMS\Core\Routing\RequestContextFactory;

/**
 * The backend module, requested through TYPO3's own router, with its checks of the module's access rights and of the token.
 */
abstract class ModuleTestCase extends CallTestCase
{
    protected const ROUTE = 'tools_outbound';

    /**
     * @param array<string, string|int> $arguments
     * @param array<string, mixed>|null $post the fields of a form; null: the page is opened
     */
    protected function open(string $route, array $arguments = [], ?array $post = null): ResponseInterface
    {
        return $this->send('https://typo3.example' . $this->uri($route, $arguments), $post);
    }

    /**
     * @param array<string, string|int> $arguments
     */
    protected function uri(string $route, array $arguments = []): string
    {
        $uris = $this->get(UriBuilder::class);
        $context = $this->get(RequestContextFactory::class)->fromBackendRequest(self::request('https://typo3.example/typo3/'));
        $uris->setRequestContext($context);
        return (string) $uris->buildUriFromRoute($route, $arguments);
    }

    /**
     * @param array<string, mixed>|null $post
     */
    protected function send(string $uri, ?array $post = null): ResponseInterface
    {
        parse_str((string) parse_url($uri, PHP_URL_QUERY), $query);
        $request = self::request($uri, $post === null ? 'GET' : 'POST')->withQueryParams($query)->withParsedBody($post);
        $result = $this->get(Router::class)->matchResult($request);
        $request = $request->withAttribute('routing', $result)->withAttribute('route', $result->getRoute());
        $GLOBALS['TYPO3_REQUEST'] = $request;
        $dispatcher = $this->get(RouteDispatcher::class);
        $handler = new class ($dispatcher) implements RequestHandlerInterface {
            public function __construct(private readonly RouteDispatcher $dispatcher)
            {
            }

            public function handle(ServerRequestInterface $request): ResponseInterface
            {
                $GLOBALS['TYPO3_REQUEST'] = $request;
                return $this->dispatcher->dispatch($request);
            }
        };
        return $this->get(BackendModuleValidator::class)->process($request, $handler);
    }

    private static function request(string $uri, string $method = 'GET'): ServerRequest
    {
        $server = ['HTTP_HOST' => 'typo3.example', 'HTTPS' => 'on', 'SCRIPT_NAME' => '/index.php', 'REQUEST_URI' => $uri];
        $request = new ServerRequest($uri, $method, 'php://input', [], $server);
        return $request->withAttribute('applicationType', SystemEnvironmentBuilder::REQUESTTYPE_BE)
            ->withAttribute('normalizedParams', NormalizedParams::createFromRequest($request));
    }

    /**
     * The page as text, without the markup around it.
     */
    protected static function text(ResponseInterface $response): string
    {
        $body = preg_replace('/<(script|style)\b.*?<\/\1>/s', '', (string) $response->getBody()) ?? '';
        $text = html_entity_decode(strip_tags(preg_replace('/</', ' <', $body) ?? ''), ENT_QUOTES | ENT_HTML5);
        return trim(preg_replace('/\s+/', ' ', $text) ?? '');
    }

    /**
     * Logs in a user who may open the module and has these rights.
     */
    protected function logInWith(string ...$rights): void
    {
        $connections = self::connections();
        $group = $connections->getConnectionForTable('be_groups');
        $group->insert('be_groups', [
            'title' => 'Callers',
            'groupMods' => self::ROUTE,
            'custom_options' => implode(',', array_map(
                static fn (string $right): string => 'nr_secure_outbound:' . $right,
                $rights,
            )),
        ]);
        $uid = (int) $group->lastInsertId();
        $user = $connections->getConnectionForTable('be_users');
        $user->insert('be_users', ['username' => 'caller-' . $uid, 'password' => 'x', 'usergroup' => (string) $uid, 'options' => 3]);
        $this->logIn((int) $user->lastInsertId());
    }

    /**
     * @param array<string, mixed> $fields
     */
    protected function record(string $service, array $fields = []): void
    {
        self::connections()->getConnectionForTable(AuditRows::TABLE)->insert(AuditRows::TABLE, $fields + [
            'id' => Uuid7::generate(),
            'crdate' => time(),
            'state' => AuditEntry::COMPLETE,
            'outcome' => AuditEntry::RESPONSE,
            'status' => 200,
            'service_id' => $service,
            'duration_us' => 1000,
            'weight' => 1,
        ]);
    }
}
