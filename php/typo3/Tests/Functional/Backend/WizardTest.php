<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Backend;

use Netresearch\NrSecureOutbound\Backend\Wizard\Template;
use Netresearch\NrSecureOutbound\Backend\Wizard\Templates;
use Netresearch\NrSecureOutbound\Registry\InstallationRegistry;
use Netresearch\NrSecureOutbound\Tests\Support\Stored;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Canaries;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Search;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Netresearch\NrVault\Transport\Alternative;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use Psr\Http\Message\ResponseInterface;

/**
 * The wizard: secret, credential set and service of a provider, all three or none.
 */
final class WizardTest extends ModuleTestCase
{
    private const PAGE = self::ROUTE . '.wizard';
    private const KEY = 'k3y-c4n4ry-1f';

    /**
     * As the providers document them: a call that is allowed, where the key goes, the hosts that it may go to, and where a client
     * gets its tokens.
     *
     * @return array<string, array{string, string, string, array<string, mixed>, list<string>, 5?: string}>
     */
    public static function providers(): array
    {
        $header = static fn (string $name, string $prefix = ''): array
            => ['type' => 'header', 'name' => $name] + ($prefix === '' ? [] : ['prefix' => $prefix]);
        return [
            'OpenAI' => ['openai', 'POST', 'https://api.openai.com/v1/chat/completions', ['type' => 'bearer'], ['api.openai.com']],
            'Anthropic' => ['anthropic', 'POST', 'https://api.anthropic.com/v1/messages', $header('x-api-key'), ['api.anthropic.com']],
            'DeepL' => [
                'deepl',
                'POST',
                'https://api.deepl.com/v2/translate',
                $header('Authorization', 'DeepL-Auth-Key '),
                ['api.deepl.com', 'api-free.deepl.com'],
            ],
            'Stripe' => ['stripe', 'POST', 'https://api.stripe.com/v1/payment_intents', ['type' => 'bearer'], ['api.stripe.com']],
            'Mollie' => ['mollie', 'POST', 'https://api.mollie.com/v2/payments', ['type' => 'bearer'], ['api.mollie.com']],
            'PayPal' => [
                'paypal',
                'POST',
                'https://api-m.paypal.com/v2/checkout/orders',
                [],
                ['api-m.paypal.com'],
                'https://api-m.paypal.com/v1/oauth2/token',
            ],
            'DHL' => ['dhl', 'GET', 'https://api-eu.dhl.com/track/shipments', $header('DHL-API-Key'), ['api-eu.dhl.com']],
            'Slack' => ['slack', 'POST', 'https://slack.com/api/chat.postMessage', ['type' => 'bearer'], ['slack.com']],
            'GitHub' => ['github', 'GET', 'https://api.github.com/repos/TYPO3/typo3', ['type' => 'bearer'], ['api.github.com']],
            'Google' => [
                'google',
                'GET',
                'https://www.googleapis.com/calendar/v3/calendars/a/events',
                [],
                ['www.googleapis.com', 'oauth2.googleapis.com'],
                'https://oauth2.googleapis.com/token',
            ],
            'Matomo' => [
                'matomo',
                'POST',
                'https://matomo.example.com/index.php',
                ['type' => 'body_field', 'name' => 'token_auth'],
                ['matomo.example.com'],
            ],
        ];
    }

    /**
     * @param array<string, mixed> $placement
     * @param list<string> $hosts
     */
    #[Test]
    #[DataProvider('providers')]
    public function aProvidersServiceIsMade(
        string $template,
        string $method,
        string $url,
        array $placement,
        array $hosts,
        string $tokenUrl = '',
    ): void {
        $response = $this->fill($template);

        self::assertSame(303, $response->getStatusCode(), self::text($response));
        $service = $this->get(InstallationRegistry::class)->get($template);
        self::assertSame($placement, $service->credentials[0]->placement?->toWire() ?? []);
        self::assertStringStartsWith($service->baseUrl, $url);
        $uid = $this->rows(self::SERVICE)[0]['uid'] ?? null;
        self::assertIsInt($uid);
        $page = $this->open(self::ROUTE . '.service', ['service' => $uid], [
            'do' => 'explain',
            'method' => $method,
            'path' => substr($url, strlen($service->baseUrl)),
        ]);
        self::assertStringContainsString("It would be sent $method $url", self::text($page));
        if ($service->test !== null) {
            $page = $this->open(self::ROUTE . '.service', ['service' => $uid], [
                'do' => 'explain',
                'method' => $service->test->method,
                'path' => $service->test->path,
            ]);
            self::assertStringContainsString('It would be sent', self::text($page));
        }
        $secret = $this->rows('tx_nrvault_secret')[0];
        self::assertSame($template . '_key', $secret['identifier']);
        $sealed = json_decode((string) $this->get(VaultServiceInterface::class)->retrieve($template . '_key'), true);
        self::assertIsArray($sealed);
        self::assertSame(['hosts' => $hosts], $sealed['binding']);
        self::assertSame($tokenUrl, $sealed['token_url'] ?? '');
        self::assertSame(0, $secret['frontend_accessible']);
        // A line of it, as its ends are written in another way.
        $key = is_string($sealed['private_key'] ?? null) ? explode("\n", $sealed['private_key'])[1] : self::KEY;
        self::assertStringNotContainsString($key, json_encode([$this->rows(self::SERVICE), $this->rows(self::SET), $secret], JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE));
    }

    /**
     * DeepL documents that keys of its free plan end with ":fx", and that they are for a host of their own.
     */
    #[Test]
    public function deeplsHostFollowsTheKey(): void
    {
        $this->fill('deepl', ['key' => self::KEY . ':fx']);

        $service = $this->get(InstallationRegistry::class)->get('deepl');

        self::assertSame('https://api.deepl.com/v2', $service->baseUrl);
        self::assertSame([[':fx', 'https://api-free.deepl.com/v2']], array_map(
            static fn (Alternative $alternative): array => [$alternative->secretSuffix, $alternative->baseUrl],
            $service->alternatives,
        ));
    }

    #[Test]
    public function aServiceAccountsFileBecomesAPayload(): void
    {
        $scopes = "https://www.googleapis.com/auth/calendar\r\n https://www.googleapis.com/auth/drive ";
        // Where tokens are asked for is not the file's to say.
        $file = self::account(['token_uri' => 'https://elsewhere.example/token']);
        self::assertSame(303, $this->fill('google', ['key' => $file, 'scopes' => $scopes, 'user' => 'a@example.com'])->getStatusCode());
        self::assertSame(303, $this->fill('google', ['id' => 'run', 'scopes' => '', 'audience' => 'https://run.example/'])->getStatusCode());

        $sealed = fn (string $id): mixed => json_decode((string) $this->get(VaultServiceInterface::class)->retrieve($id . '_key'), true);
        self::assertSame([
            'type' => 'oauth2_jwt_bearer',
            'private_key' => self::privateKey(),
            'alg' => 'RS256',
            'iss' => 'importer@project.example',
            'kid' => '4f1c',
            'sub' => 'a@example.com',
            'token_url' => 'https://oauth2.googleapis.com/token',
            'lifetime' => 3600,
            'claims' => ['scope' => 'https://www.googleapis.com/auth/calendar https://www.googleapis.com/auth/drive'],
            'binding' => ['hosts' => ['www.googleapis.com', 'oauth2.googleapis.com']],
        ], $sealed('google'));
        $ofRun = $sealed('run');
        self::assertIsArray($ofRun);
        self::assertSame('https://run.example/', $ofRun['target_audience'] ?? null);
        self::assertArrayNotHasKey('claims', $ofRun);
        self::assertSame(['oauth2_jwt_bearer', 'oauth2_jwt_bearer'], array_column($this->rows(self::SET), 'type'));
    }

    #[Test]
    public function noCopyOfAKeyIsLeft(): void
    {
        $canaries = Canaries::make();
        $search = new Search($canaries);

        $made = $this->fill('openai', ['key' => $canaries->text('bare')]);
        $typed = $this->fill('paypal', ['key' => $canaries->text('typed')]);
        $refused = $this->fill('github', ['key' => $canaries->text('refused'), 'id' => 'No Id']);

        self::assertSame([303, 303, 200], array_map(
            static fn (ResponseInterface $response): int => $response->getStatusCode(),
            [$made, $typed, $refused],
        ));
        self::assertSame([], $search->inText($made->getBody() . $typed->getBody() . $refused->getBody()));
        $rows = Stored::inTables(self::connections()->getConnectionForTable('sys_history'));
        self::assertStringContainsString('paypal_key', $rows);
        self::assertSame([], $search->inText($rows), 'in the database');
        [$found, $read] = Stored::inFiles([$this->instancePath . '/typo3temp'], $search);
        self::assertSame([], $found);
        self::assertGreaterThan(10, $read);
    }

    #[Test]
    public function everyTemplateIsTested(): void
    {
        self::assertEqualsCanonicalizing(array_keys(Templates::all()), array_column(self::providers(), 0));
        $page = self::text($this->open(self::PAGE));
        foreach (Templates::all() as $template) {
            self::assertStringContainsString($template->name, $page);
        }
    }

    #[Test]
    public function theKeyGoesToTheProviderAlone(): void
    {
        $port = (int) parse_url(self::$upstream->url(), PHP_URL_PORT);
        $this->fill('matomo', ['id' => 'stats', 'base_url' => 'https://localhost:' . $port]);
        $uid = $this->rows(self::SERVICE)[0]['uid'] ?? null;
        self::assertIsInt($uid);
        $this->change(self::SERVICE, $uid, ['allowed_paths' => '/v1/echo']);

        $sent = $this->client()->request('stats', 'POST', '/v1/echo', ['form_params' => ['module' => 'API']])->json();
        self::assertIsString($sent['body']);
        self::assertSame('module=API&token_auth=' . self::KEY, base64_decode($sent['body'], true));

        $this->change(self::SERVICE, $uid, ['base_url' => self::$upstream->url('1.1'), 'allowed_paths' => '/v1/echo']);
        $failure = self::failure(fn () => $this->client()->request('stats', 'POST', '/echo', ['form_params' => ['module' => 'API']]));
        self::assertSame('policy.binding_violated', $failure->errorCode());
    }

    /**
     * @return array<string, array{string, array<string, string>, string}>
     */
    public static function wrongInput(): array
    {
        return [
            'no id' => ['openai', ['id' => 'No Id'], 'An id is a lower-case letter'],
            'an id that is taken' => ['openai', ['id' => 'taken'], 'is taken'],
            'no key' => ['openai', ['key' => ''], 'A secret is printable ASCII'],
            'no client' => ['paypal', ['client' => ''], 'A secret is printable ASCII'],
            'no URL' => ['matomo', ['base_url' => 'matomo'], 'A base URL begins with https://'],
            'plain http' => ['matomo', ['base_url' => 'http://matomo.example.com'], 'A base URL begins with https://'],
            'a URL that is too long' => ['matomo', ['base_url' => 'https://m.example/' . str_repeat('a', 2048)], 'A base URL begins'],
            'a key that no header can carry' => ['openai', ['key' => "a\nb"], 'A secret is printable ASCII'],
            'a key in place of a file' => ['google', ['key' => self::KEY], 'The file is not that of a service account of Google'],
            'the file of a user' => ['google', ['key' => self::account(['type' => 'authorized_user'])], 'would be service_account'],
            'a file without a key' => ['google', ['key' => self::account(['private_key' => ''])], 'The file of the service account has no "private_key"'],
            'a file whose key is none' => ['google', ['key' => self::account(['private_key' => self::KEY])], 'it is not one block of PEM'],
            'no scopes' => ['google', ['scopes' => ''], 'Scopes or an audience are needed'],
            'scopes and an audience' => ['google', ['audience' => 'a'], 'Scopes or an audience are needed'],
            'an API without TLS' => ['google', ['base_url' => 'http://www.googleapis.com/'], 'A base URL begins with https://'],
            'a client that none can' => ['paypal', ['client' => 'ä'], 'A secret is printable ASCII'],
        ];
    }

    /**
     * @param array<string, string> $fields
     */
    #[Test]
    #[DataProvider('wrongInput')]
    public function wrongInputMakesNothing(string $template, array $fields, string $message): void
    {
        $this->saveService('taken');

        $response = $this->fill($template, $fields);

        self::assertSame(200, $response->getStatusCode());
        self::assertStringContainsString($message, self::text($response));
        self::assertStringNotContainsString(self::KEY, (string) $response->getBody());
        self::assertSame([1, 0, 0], $this->made());
    }

    #[Test]
    public function whatCannotBeStoredLeavesNothing(): void
    {
        self::setting(['SC_OPTIONS', 't3lib/class.t3lib_tcemain.php', 'processDatamapClass', 'refusing'], RefusingHook::class);

        $response = $this->fill('openai');

        self::assertStringContainsString('It could not be stored', self::text($response));
        self::assertSame(200, $response->getStatusCode());
        self::assertSame([0, 0, 0], $this->made());
    }

    #[Test]
    public function aFormOfNobodysMakesNothing(): void
    {
        $fields = ['id' => 'openai', 'key' => self::KEY, 'proof' => 'x'];

        $page = self::text($this->open(self::PAGE, ['template' => 'openai'], $fields));

        self::assertStringContainsString('Nothing was made', $page);
        self::assertSame([0, 0, 0], $this->made());
        $this->open(self::PAGE, ['template' => 'openai'] + $fields);
        self::assertSame([0, 0, 0], $this->made());
    }

    #[Test]
    public function itIsForAdministrators(): void
    {
        $this->logInWith('view', 'explain', 'test', 'audit', 'export');

        self::assertSame(403, $this->open(self::PAGE)->getStatusCode());
        $response = $this->open(self::PAGE, ['template' => 'openai'], ['id' => 'openai', 'key' => self::KEY]);
        self::assertSame(403, $response->getStatusCode());
        self::assertStringNotContainsString('New from a template', self::text($this->open(self::ROUTE)));
        self::assertSame([0, 0, 0], $this->made());
    }

    /**
     * @param array<string, string> $fields
     */
    private function fill(string $template, array $fields = []): ResponseInterface
    {
        $page = (string) $this->open(self::PAGE, ['template' => $template])->getBody();
        self::assertSame(1, preg_match('/name="proof" value="([0-9a-f]+)"/', $page, $match));
        $type = Templates::all()[$template]->type();
        $account = ['key' => self::account(), 'scopes' => 'a', 'base_url' => 'https://www.googleapis.com/calendar/v3'];
        return $this->open(self::PAGE, ['template' => $template], $fields + ($type === Template::ACCOUNT ? $account : []) + [
            'id' => $template,
            'base_url' => 'https://matomo.example.com',
            'key' => self::KEY,
            'client' => $type === Template::CLIENT ? 'a-client' : '',
            'proof' => $match[1] ?? '',
        ]);
    }

    /**
     * A file such as Google's.
     *
     * @param array<string, string> $fields
     */
    private static function account(array $fields = []): string
    {
        return json_encode($fields + [
            'type' => 'service_account',
            'private_key_id' => '4f1c',
            'private_key' => self::privateKey(),
            'client_email' => 'importer@project.example',
        ], JSON_THROW_ON_ERROR);
    }

    private static function privateKey(): string
    {
        return (string) file_get_contents(__DIR__ . '/../../../../../tests/vectors/keys/rsa-pkcs8.pem');
    }

    /**
     * @return list<int> how many services, credential sets and secrets there are
     */
    private function made(): array
    {
        return array_map(
            fn (string $table): int => $this->countRows($table, ['deleted' => 0]),
            [self::SERVICE, self::SET, 'tx_nrvault_secret'],
        );
    }
}
