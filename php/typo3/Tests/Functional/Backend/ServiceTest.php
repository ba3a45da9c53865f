<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Backend;

use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use Psr\Http\Message\ResponseInterface;
use TYPO3\CMS\Core\Localization\LanguageServiceFactory;

/**
 * The page of one service: its policy in sentences, and what the policy decides about a call.
 */
final class ServiceTest extends ModuleTestCase
{
    private const PAGE = self::ROUTE . '.service';

    /**
     * @return array<string, array{array<string, mixed>, list<string>}>
     */
    public static function policies(): array
    {
        return [
            'as it is by default' => [['allowed_methods' => 'GET'], [
                'Methods GET',
                'Hosts The host of the base URL alone.',
                'Paths Everything below the base URL.',
                'http:// is refused.',
                'Redirects None is followed',
                'Attempts One.',
                'Limits Those of the installation.',
                'Every call is recorded.',
            ]],
            'narrow' => [
                ['allowed_paths' => "/v1/a/{id}\n/v1/b/**", 'allowed_hosts' => "api.example.com\n*.example.org", 'timeout_ms' => 2500, 'idle_timeout_ms' => 1500],
                ['Paths /v1/a/{id} /v1/b/**', 'Hosts api.example.com *.example.org', '2.5 s for the whole call 1.5 s without a byte'],
            ],
            'closed' => [['allowed_paths' => ''], ['Paths None: every call is refused.']],
            'wide' => [
                [
                    'allow_http' => 1,
                    'allow_encoded_slash' => 1,
                    'max_redirects' => 3,
                    'max_attempts' => 4,
                    'breaker_failures' => 5,
                    'breaker_open_ms' => 30000,
                    'request_bytes' => 1000,
                    'response_bytes' => 8388608,
                    'audit_sample' => 50,
                    'transport' => 'php',
                    'headers' => 'X-Tenant: blue',
                ],
                [
                    'http:// is allowed',
                    '%2F may be part of a segment',
                    'Up to 3 are followed',
                    'Up to 4, where',
                    'After 5 failures in a row, calls are refused for 30 s.',
                    '1000 B for what is sent 8 MiB for the response',
                    'One of 50 successes is recorded',
                    'PHP: secrets are opened in its memory.',
                    'Headers of each request X-Tenant',
                ],
            ],
            'recorded always' => [['audit' => 'required'], ['No call is made without its record.']],
        ];
    }

    /**
     * @param array<string, mixed> $fields
     * @param list<string> $sentences
     */
    #[Test]
    #[DataProvider('policies')]
    public function itsPolicyIsInWords(array $fields, array $sentences): void
    {
        $page = self::text($this->open(self::PAGE, ['service' => $this->saveService('crm', $fields)]));

        foreach ($sentences as $sentence) {
            self::assertStringContainsString($sentence, $page);
        }
        self::assertStringNotContainsString('blue', $page);
    }

    #[Test]
    public function itsSecretsAreNamedAndNotShown(): void
    {
        $secret = $this->storeSecret('crm_key', 's3cr3t-v4lue');
        $set = $this->saveSet('crm-key', $secret, [
            'placement' => 'header',
            'placement_name' => 'X-Key',
            'placement_prefix' => 'Key ',
        ]);
        $gone = $this->saveSet('gone', 0);
        $service = $this->saveService('crm', ['credential_sets' => "$set,$gone"]);

        $response = $this->open(self::PAGE, ['service' => $service]);

        self::assertStringContainsString('crm-key crm_key X-Key: Key …', self::text($response));
        self::assertStringContainsString('gone secret_uid names no secret of nr-vault', self::text($response));
        self::assertStringContainsString('The service cannot be called', self::text($response));
        self::assertStringNotContainsString('s3cr3t-v4lue', (string) $response->getBody());
    }

    #[Test]
    public function whatStandsInARowIsText(): void
    {
        $service = $this->saveService('crm', [
            'description' => '<script>alert(1)</script>',
            'allowed_paths' => '/<b>',
        ]);

        $body = (string) $this->open(self::PAGE, ['service' => $service])->getBody();

        self::assertStringNotContainsString('<script>alert(1)', $body);
        self::assertStringNotContainsString('/<b>', $body);
    }

    #[Test]
    public function aCallIsExplained(): void
    {
        $uid = $this->saveService('crm', ['allowed_paths' => '/v1/customers/{id}', 'allowed_methods' => 'GET']);

        $allowed = self::text($this->ask($uid, 'GET', '/customers/7'));
        $refused = self::text($this->ask($uid, 'DELETE', '/customers/7'));

        self::assertStringContainsString(
            'It would be sent GET https://api.example.com/v1/customers/7 By the pattern /v1/customers/{id}',
            $allowed,
        );
        self::assertStringContainsString('It would be refused', $refused);
        self::assertStringContainsString('policy.method_not_allowed', $refused);
        self::assertSame(0, $this->countRows('tx_nrvault_outbound_audit'));
    }

    #[Test]
    public function aServiceThatIsOffIsExplainedAsSuch(): void
    {
        $uid = $this->saveService('crm', ['hidden' => 1]);

        self::assertStringContainsString('policy.service_disabled', self::text($this->ask($uid, 'GET', '/x')));
    }

    #[Test]
    public function loadingThePageAsksNothing(): void
    {
        $uid = $this->saveService('crm');

        $page = $this->open(self::PAGE, ['service' => $uid, 'do' => 'explain', 'method' => 'GET', 'path' => '/x']);

        self::assertStringNotContainsString('It would be', self::text($page));
    }

    #[Test]
    public function whoLacksTheRightIsNotOfferedToAskAndGetsNoAnswer(): void
    {
        $uid = $this->saveService('crm');
        $this->logInWith('view');

        self::assertStringNotContainsString('What would become of a call?', self::text($this->open(self::PAGE, ['service' => $uid])));
        $refusal = $this->ask($uid, 'GET', '/x');
        self::assertSame(403, $refusal->getStatusCode());
        self::assertStringNotContainsString('It would be', self::text($refusal));

        $this->logInWith('view', 'explain');
        self::assertStringContainsString('It would be sent', self::text($this->ask($uid, 'GET', '/x')));
        $this->logInWith('explain');
        self::assertSame(403, $this->ask($uid, 'GET', '/x')->getStatusCode());
    }

    #[Test]
    public function aServiceThatIsNotThereIsSaidToBeMissing(): void
    {
        $response = $this->open(self::PAGE, ['service' => 4711]);

        self::assertSame(404, $response->getStatusCode());
        self::assertStringContainsString('The service is not there any more.', self::text($response));
    }

    #[Test]
    public function itSpeaksGermanToo(): void
    {
        $uid = $this->saveService('crm', ['timeout_ms' => 2500]);
        $user = $this->logIn(self::ADMIN);
        $GLOBALS['LANG'] = $this->get(LanguageServiceFactory::class)->create('de');
        self::assertIsArray($user->user);
        $user->user['lang'] = 'de';

        $page = self::text($this->open(self::PAGE, ['service' => $uid]));

        self::assertStringContainsString('Was er darf', $page);
        self::assertStringContainsString('2,5 s für den ganzen Aufruf', $page);
    }

    private function ask(int $service, string $method, string $path): ResponseInterface
    {
        return $this->open(self::PAGE, ['service' => $service], ['do' => 'explain', 'method' => $method, 'path' => $path]);
    }
}
