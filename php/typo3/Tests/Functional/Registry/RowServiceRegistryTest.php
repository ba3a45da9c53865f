<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Registry;

use Netresearch\NrSecureOutbound\Tests\Functional\OutboundTestCase;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Transport\CredentialReference;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;

/**
 * Services from records: a row has the same meaning as an entry of the JSON registry, and an invalid row disables only its own
 * service.
 */
final class RowServiceRegistryTest extends OutboundTestCase
{
    #[Test]
    public function aRowSaysAllThatAFileCan(): void
    {
        $token = $this->saveSet('crm-token', $this->storeSecret('crm_token', 's3cr3t'));
        $key = $this->saveSet('crm-key', $this->storeSecret('crm_key', 's3cr3t'), [
            'placement' => 'header',
            'placement_name' => 'X-Tenant',
            'placement_prefix' => 'Tenant ',
        ]);
        $this->saveService('crm', [
            'allowed_methods' => 'POST,PROPFIND',
            'allowed_paths' => "/v1/customers/{id}/notes\n\n /v1/charges/** \r\n",
            'allowed_hosts' => "api.example.com\n*.example.org:8443",
            'allow_encoded_slash' => 1,
            'max_redirects' => 2,
            'max_attempts' => 3,
            'timeout_ms' => 20000,
            'idle_timeout_ms' => 15000,
            'request_bytes' => 0,
            'response_bytes' => 1048576,
            'http_versions' => '3,1.1',
            'http3' => 'alt-svc',
            'breaker_failures' => 5,
            'breaker_open_ms' => 30000,
            'credential_sets' => "$key,$token",
            'headers' => "Accept: application/json\r\nX-Note:a: b ",
            'placeholder_headers' => "X-API-Key\nAuthorization",
            'idempotency_header' => 'X-Request-Key',
            'transport' => 'rust',
            'audit' => 'required',
            'audit_sample' => 100,
            'test_method' => 'GET',
            'test_path' => '/status',
            'description' => 'who asks: crm@example.com',
        ]);

        $service = $this->registry()->get('crm');

        self::assertSame('https://api.example.com/v1', $service->baseUrl);
        self::assertSame([
            'allowed_hosts' => ['api.example.com', '*.example.org:8443'],
            'allowed_methods' => ['POST', 'PROPFIND'],
            'allowed_paths' => ['/v1/customers/{id}/notes', '/v1/charges/**'],
            'allow_http' => false,
            'allow_encoded_slash' => true,
            'max_redirects' => 2,
            'max_attempts' => 3,
            'breaker' => ['failures' => 5, 'open_ms' => 30000],
            'timeout_ms' => 20000,
            'idle_timeout_ms' => 15000,
            'request_bytes' => 0,
            'response_bytes' => 1048576,
            'http_versions' => ['3', '1.1'],
            'http3' => 'alt-svc',
        ], $service->policy->toWire());
        self::assertSame([
            ['identifier' => 'crm_key', 'type' => 'secret', 'placement' => [
                'type' => 'header',
                'name' => 'X-Tenant',
                'prefix' => 'Tenant ',
            ]],
            ['identifier' => 'crm_token', 'type' => 'secret', 'placement' => ['type' => 'bearer']],
        ], array_map(static fn (CredentialReference $reference): array => $reference->toWire(), $service->credentials));
        self::assertSame([['Accept', 'application/json'], ['X-Note', 'a: b ']], $service->headers);
        self::assertSame(['X-API-Key', 'Authorization'], $service->placeholderHeaders);
        self::assertSame('X-Request-Key', $service->idempotencyHeader);
        self::assertSame('rust', $service->transport);
        self::assertSame('required', $service->audit);
        self::assertSame(100, $service->auditSample);
        self::assertSame(['GET', '/status'], [$service->test?->method, $service->test?->path]);
        self::assertSame([], $this->registry()->problems());
    }

    #[Test]
    public function whatIsNotSetIsLeftToTheConfiguration(): void
    {
        $this->saveService('crm');

        $service = $this->registry()->get('crm');

        self::assertSame([
            'allowed_methods' => ['GET', 'POST'],
            'allow_http' => false,
            'allow_encoded_slash' => false,
            'max_redirects' => 0,
            'max_attempts' => 1,
        ], $service->policy->toWire());
        self::assertSame([], $service->headers);
        self::assertSame([], $service->credentials);
        self::assertNull($service->idempotencyHeader);
        self::assertSame('auto', $service->transport);
        self::assertSame('standard', $service->audit);
    }

    #[Test]
    public function aListThatIsSetAndEmptyAllowsNothing(): void
    {
        $this->saveService('crm', ['allowed_paths' => '', 'allowed_hosts' => '']);

        $policy = $this->registry()->get('crm')->policy;

        self::assertSame([], $policy->allowedPaths);
        self::assertSame([], $policy->allowedHosts);
    }

    /**
     * @return array<string, array{array<string, mixed>, string}>
     */
    public static function faults(): array
    {
        return [
            'base URL' => [['base_url' => 'api.example.com'], 'base_url must be one absolute URL'],
            'no method' => [['allowed_methods' => ''], 'policy.allowed_methods'],
            'path' => [['allowed_paths' => 'v1'], 'policy.allowed_paths'],
            'host' => [['allowed_hosts' => 'https://a.example'], 'policy.allowed_hosts'],
            'half a breaker' => [['breaker_failures' => 5], 'breaker_failures and the pause belong together'],
            'header without a colon' => [['headers' => 'Accept'], 'headers has no colon in line 1'],
            'header twice' => [['headers' => "Accept: a\nAccept: b"], 'headers has Accept twice'],
            'header with a key' => [['headers' => 'Authorization: Bearer x'], 'headers has Authorization, which carries a credential'],
            'another with a key' => [['headers' => 'x-goog-api-key: x'], 'headers has x-goog-api-key, which carries a credential'],
            'cookie' => [['headers' => 'Cookie: a=b'], 'headers has Cookie, which carries a credential'],
            'placeholder' => [['placeholder_headers' => 'a b'], 'placeholder_headers'],
            'transport' => [['transport' => 'best'], 'transport must be one of'],
            'alternative without a URL' => [['alternatives' => ':fx'], 'alternatives.0 must be'],
            'alternative without a secret' => [['alternatives' => ':fx https://a.example'], 'alternatives need exactly one credential'],
            'test call' => [['test_method' => 'GET', 'test_path' => 'status'], 'test must be'],
        ];
    }

    /**
     * @param array<string, mixed> $fields
     */
    #[Test]
    #[DataProvider('faults')]
    public function aFaultyRowDisablesItsServiceAndNoOther(array $fields, string $message): void
    {
        $this->saveService('broken', $fields);
        $this->saveService('sound');

        self::assertSame('sound', $this->registry()->get('sound')->id);
        $refusal = $this->refusal('broken');
        self::assertSame('policy.service_disabled', $refusal->errorCode());
        self::assertStringContainsString('the service "broken" is disabled: ' . $message, $refusal->getMessage());
        self::assertSame(['broken'], array_values(array_unique(array_column($this->registry()->problems(), 'entry'))));
    }

    #[Test]
    public function aHiddenRowIsOffAtTheNextCall(): void
    {
        $uid = $this->saveService('crm');
        $registry = $this->registry();
        $registry->get('crm');

        self::connections()->getConnectionForTable(self::SERVICE)->update(self::SERVICE, ['hidden' => 1], ['uid' => $uid]);

        self::assertStringContainsString('the row is disabled', $this->refusal('crm')->getMessage());
    }

    #[Test]
    public function anUnknownServiceIsToldWhichThereAre(): void
    {
        $this->saveService('crm');
        $this->saveService('weather');

        $refusal = $this->refusal('crn');

        self::assertSame('policy.service_unknown', $refusal->errorCode());
        self::assertStringContainsString('"crn"', $refusal->getMessage());
        self::assertStringContainsString('crm', $refusal->getMessage());
        self::assertSame(['crm', 'weather'], $this->registry()->ids());
        self::assertSame('policy.service_unknown', $this->refusal('CRM')->errorCode());
    }

    #[Test]
    public function twoRowsOfOneIdDisableBothAndAreNamed(): void
    {
        $first = $this->saveService('crm');
        $second = $this->saveService('other');
        $this->saveService('sound');
        self::connections()->getConnectionForTable(self::SERVICE)->update(
            self::SERVICE,
            ['identifier' => 'crm'],
            ['uid' => $second],
        );

        self::assertStringContainsString("several rows have this id (uid $first, $second)", $this->refusal('crm')->getMessage());
        self::assertSame(['crm'], array_column($this->registry()->problems(), 'entry'));
        self::assertSame('sound', $this->registry()->get('sound')->id);
    }

    #[Test]
    public function anIdIsDeletedAndUndeletedTwice(): void
    {
        foreach ([1, 2] as $round) {
            $uid = $this->saveService('crm');
            $this->edit([], [self::SERVICE => [$uid => ['delete' => 1]]]);
            self::assertSame('policy.service_unknown', $this->refusal('crm')->errorCode(), "round $round");
            $this->edit([], [self::SERVICE => [$uid => ['undelete' => 1]]]);
            self::assertSame('crm', $this->registry()->get('crm')->id);
            $this->edit([], [self::SERVICE => [$uid => ['delete' => 1]]]);
        }

        self::assertSame(2, $this->countRows(self::SERVICE, ['identifier' => 'crm', 'deleted' => 1]));
    }

    #[Test]
    public function aCredentialSetIsDeletedAndUndeletedTwice(): void
    {
        $secret = $this->storeSecret('crm_token', 's3cr3t');
        foreach ([1, 2] as $round) {
            $set = $this->saveSet('crm-token', $secret);
            $service = $this->saveService('crm', ['credential_sets' => (string) $set]);
            $this->edit([], [self::SET => [$set => ['delete' => 1]]]);
            self::assertSame([], array_column($this->rows(self::SET, ['deleted' => 0]), 'identifier'), "round $round");
            $this->edit([], [self::SET => [$set => ['undelete' => 1]]]);
            self::assertSame('crm-token', $this->row(self::SET, $set)['identifier']);
            self::assertSame(0, $this->row(self::SET, $set)['deleted']);
            $this->edit([], [self::SET => [$set => ['delete' => 1]], self::SERVICE => [$service => ['delete' => 1]]]);
        }

        self::assertSame(2, $this->countRows(self::SET, ['identifier' => 'crm-token', 'deleted' => 1]));
    }

    #[Test]
    public function anUndeletedRowWhoseIdIsTakenDisablesBoth(): void
    {
        $first = $this->saveService('crm');
        $this->edit([], [self::SERVICE => [$first => ['delete' => 1]]]);
        $second = $this->saveService('crm');
        self::assertSame('crm', $this->registry()->get('crm')->id);

        $this->edit([], [self::SERVICE => [$first => ['undelete' => 1]]]);

        self::assertStringContainsString("several rows have this id (uid $first, $second)", $this->refusal('crm')->getMessage());
        $this->edit([], [self::SERVICE => [$second => ['delete' => 1]]]);
        self::assertSame('crm', $this->registry()->get('crm')->id);
    }

    /**
     * DataHandler keeps a second set from getting the id of the first one, and undeletes it with that id.
     */
    #[Test]
    public function twoCredentialSetsOfOneIdDisableTheServicesOfBothAndAreNamed(): void
    {
        $secret = $this->storeSecret('crm_token', 's3cr3t');
        $first = $this->saveSet('crm-token', $secret);
        $this->edit([], [self::SET => [$first => ['delete' => 1]]]);
        $second = $this->saveSet('crm-token', $secret);
        $this->edit([], [self::SET => [$first => ['undelete' => 1]]]);
        foreach (['one' => $first, 'other' => $second] as $id => $set) {
            $this->saveService($id, ['credential_sets' => (string) $set]);
        }
        $this->saveService('sound', ['credential_sets' => (string) $this->saveSet('sound-token', $secret)]);

        $message = static fn (int $uid): string
            => "the credential set \"crm-token\": identifier is the id of the record with uid $uid as well: both are disabled";
        self::assertStringContainsString($message($second), $this->refusal('one')->getMessage());
        self::assertStringContainsString($message($first), $this->refusal('other')->getMessage());
        self::assertSame('sound', $this->registry()->get('sound')->id);

        $this->edit([], [self::SET => [$second => ['delete' => 1]]]);
        self::assertSame('one', $this->registry()->get('one')->id);
    }

    #[Test]
    public function anIdThatIsTakenIsNotSavedTwice(): void
    {
        $this->saveService('crm');
        $handler = $this->edit([self::SERVICE => ['NEW1' => ['pid' => 0, 'identifier' => 'crm']]]);

        self::assertStringContainsString('"identifier" has been changed', implode("\n", $handler->errorLog));
        self::assertSame(1, $this->countRows(self::SERVICE, ['identifier' => 'crm']));

        $this->saveSet('crm-token', 1);
        $handler = $this->edit([self::SET => ['NEW1' => ['pid' => 0, 'identifier' => 'crm-token']]]);
        self::assertStringContainsString('"identifier" has been changed', implode("\n", $handler->errorLog));
        self::assertSame(1, $this->countRows(self::SET, ['identifier' => 'crm-token']));
    }

    #[Test]
    public function aKeyOfAwsNamesItsService(): void
    {
        $set = $this->saveSet('media-key', $this->storeSecret('media_key', 's3cr3t'), ['type' => 'aws_sigv4', 'service' => 's3']);
        $this->saveService('media', ['credential_sets' => (string) $set]);

        self::assertSame(
            [['identifier' => 'media_key', 'type' => 'aws_sigv4', 'service' => 's3']],
            array_map(
                static fn (CredentialReference $reference): array => $reference->toWire(),
                $this->registry()->get('media')->credentials,
            ),
        );

        self::connections()->getConnectionForTable(self::SET)->update(self::SET, ['service' => 'S3'], ['uid' => $set]);
        self::assertStringContainsString('"media-key": service is no name', $this->refusal('media')->getMessage());
        // What another type does not use does no harm.
        self::connections()->getConnectionForTable(self::SET)->update(self::SET, ['type' => 'hmac'], ['uid' => $set]);
        self::assertNull($this->registry()->get('media')->credentials[0]->service);
    }

    #[Test]
    public function aServiceIsNeverCalledWithoutASetThatItNames(): void
    {
        $set = $this->saveSet('crm-token', $this->storeSecret('crm_token', 's3cr3t'));
        $this->saveService('crm', ['credential_sets' => (string) $set]);
        $registry = $this->registry();
        self::assertCount(1, $registry->get('crm')->credentials);

        $faults = [
            'the credential set "crm-token" is disabled' => ['hidden' => 1],
            'the credential set "crm-token": secret_uid names no secret' => ['secret_uid' => 0],
            'the credential set "crm-token": placement_name is missing' => ['placement' => 'query'],
        ];
        foreach ($faults as $message => $change) {
            $before = array_intersect_key($this->row(self::SET, $set), $change);
            self::connections()->getConnectionForTable(self::SET)->update(self::SET, $change, ['uid' => $set]);
            self::assertStringContainsString($message, $this->refusal('crm')->getMessage());
            self::connections()->getConnectionForTable(self::SET)->update(self::SET, $before, ['uid' => $set]);
        }
        // Not by DataHandler, which would delete the relation as well.
        self::connections()->getConnectionForTable(self::SET)->update(self::SET, ['deleted' => 1], ['uid' => $set]);
        self::assertStringContainsString('the credential set "crm-token" is deleted', $this->refusal('crm')->getMessage());
        self::connections()->getConnectionForTable(self::SET)->delete(self::SET, ['uid' => $set]);
        self::assertStringContainsString('the credential set is deleted', $this->refusal('crm')->getMessage());
    }

    #[Test]
    public function aSecretThatIsGoneOrLiesElsewhereDisablesTheService(): void
    {
        $secret = $this->storeSecret('crm_token', 's3cr3t');
        $this->saveService('crm', ['credential_sets' => (string) $this->saveSet('crm-token', $secret)]);
        $change = static fn (array $fields): int
            => self::connections()->getConnectionForTable('tx_nrvault_secret')->update('tx_nrvault_secret', $fields, ['uid' => $secret]);

        $change(['adapter' => 'hashicorp']);
        self::assertStringContainsString('that nr-vault does not keep itself', $this->refusal('crm')->getMessage());
        $change(['adapter' => 'local', 'deleted' => 1]);
        self::assertStringContainsString('or one that is deleted', $this->refusal('crm')->getMessage());
    }

    /**
     * @return array<string, array{int}>
     */
    public static function technicalUsers(): array
    {
        return ['admin' => [self::ADMIN], 'other' => [self::OTHER]];
    }

    #[Test]
    #[DataProvider('technicalUsers')]
    public function aTechnicalUserNeedsANewerVault(int $user): void
    {
        $this->saveService('crm', ['technical_user' => $user]);

        self::assertMatchesRegularExpression(
            '/technical_user needs an nr-vault that knows technical users: nr-vault \S+ does not/',
            $this->refusal('crm')->getMessage(),
        );
    }

    #[Test]
    public function oneStatementReadsAService(): void
    {
        $sets = [
            $this->saveSet('first', $this->storeSecret('first', 's3cr3t')),
            $this->saveSet('second', $this->storeSecret('second', 's3cr3t'), ['placement' => 'query', 'placement_name' => 'k']),
        ];
        $this->saveService('crm', ['credential_sets' => implode(',', $sets)]);
        $registry = $this->registry();

        $statements = $this->statementsOf(static fn () => $registry->get('crm'));

        self::assertCount(1, $statements);
    }

    private function registry(): ServiceRegistry
    {
        return $this->get(ServiceRegistry::class);
    }

    private function refusal(string $id): OutboundException
    {
        try {
            $this->registry()->get($id);
        } catch (OutboundException $refusal) {
            return $refusal;
        }
        self::fail("The service $id is not refused.");
    }
}
