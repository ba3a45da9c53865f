<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\DropIn;

use Netresearch\NrLlm\Domain\Model\Provider;
use Netresearch\NrLlm\Provider\Contract\ProviderInterface;
use Netresearch\NrLlm\Provider\Contract\StreamingCapableInterface;
use Netresearch\NrLlm\Provider\ProviderAdapterRegistry;
use Netresearch\NrLlm\Specialized\Translation\TranslatorRegistryInterface;
use Netresearch\NrSecureOutbound\Doctor\Doctor;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;

/**
 * The released code of nr-llm calls APIs on loopback through the library.
 */
final class NrLlmTest extends DropInTestCase
{
    private const KEY = '01937b6e-4b6c-7abc-8def-0123456789ab';
    private const TOKEN = 'sk-c4n4ry-9d2e';

    protected array $testExtensionsToLoad = [
        'netresearch/nr-vault',
        'netresearch/nr-llm',
        'netresearch/nr-secure-outbound',
        'netresearch/nr-secure-outbound-calling',
    ];

    /**
     * @return array<string, array{string, array<string, string>, array<string, string>}> adapter, the set, what the API receives
     */
    public static function providers(): array
    {
        $bearer = [[], ['authorization' => 'Bearer ' . self::TOKEN]];
        $header = ['placement' => 'header', 'placement_name' => 'x-api-key'];
        return [
            'OpenAI' => ['openai', ...$bearer],
            'Anthropic' => ['anthropic', $header, ['x-api-key' => self::TOKEN]],
            'Gemini' => ['gemini', ...$bearer],
            'OpenRouter' => ['openrouter', ...$bearer],
            'Mistral' => ['mistral', ...$bearer],
            'Groq' => ['groq', ...$bearer],
            'Azure' => ['azure_openai', ...$bearer],
            'another that speaks as OpenAI' => ['custom', ...$bearer],
        ];
    }

    /**
     * @param array<string, string> $set
     * @param array<string, string> $headers
     */
    #[Test]
    #[DataProvider('providers')]
    public function aProviderWithAKeyCallsByTheLibrary(string $adapter, array $set, array $headers): void
    {
        self::dropIn('refuse');
        $this->service($set);

        $completion = $this->adapter($adapter)->chatCompletion([['role' => 'user', 'content' => 'Hello']]);

        $seen = json_decode($completion->content, true);
        self::assertIsArray($seen);
        self::assertIsArray($seen['headers']);
        self::assertSame($headers, array_intersect_key($seen['headers'], $headers));
        $records = $this->rows(self::AUDIT);
        // OpenRouter's adapter requests the list of models first.
        foreach ($records as $record) {
            self::assertSame(['llm', 'rust-ffi', 200], [$record['service_id'], $record['transport'], $record['status']]);
        }
        self::assertStringStartsWith('Netresearch\\NrLlm\\Provider\\', self::callerOf($records[0]));
        $call = $this->vaultCalls()[0];
        self::assertSame([self::KEY, 1], [$call['secret_identifier'], $call['success']]);
        self::assertIsString($call['reason']);
        self::assertStringStartsWith('LLM API call to ', $call['reason']);
    }

    #[Test]
    public function aStreamIsReadWhenItIsWhole(): void
    {
        self::dropIn('refuse');
        $this->service([]);
        $adapter = $this->adapter('openai');
        self::assertInstanceOf(StreamingCapableInterface::class, $adapter);

        $text = implode('', iterator_to_array($adapter->streamChatCompletion([['role' => 'user', 'content' => 'Hello']]), false));

        self::assertStringContainsString('Bearer ' . self::TOKEN, $text);
    }

    /**
     * nr-llm's own translator has no part in nr-vault's client: it takes its key from its settings and sends it.
     */
    #[Test]
    public function theTranslatorOfDeepLReadsItsKeyItselfAndTheDoctorSaysSo(): void
    {
        self::dropIn('refuse');
        $deepL = ['apiKey' => 'deepl-c4n4ry', 'baseUrl' => self::$upstream->url()];
        self::setting(['EXTENSIONS', 'nr_llm'], ['translators' => ['deepl' => $deepL]]);

        self::thrown(fn () => $this->get(TranslatorRegistryInterface::class)->get('deepl')->translate('Hello', 'de'));

        $sent = self::$upstream->nginx->received();
        self::assertSame('DeepL-Auth-Key deepl-c4n4ry', end($sent)['authorization'] ?? null);
        self::assertSame([0, 0], [$this->countRows(self::AUDIT), $this->countRows(self::VAULT_AUDIT)]);
        $findings = array_column($this->get(Doctor::class)->findings(), null, 'code');
        self::assertArrayHasKey('dropin.llm.setting', $findings);
        self::assertSame(Finding::WARNING, $findings['dropin.llm.setting']->verdict);
        self::assertStringContainsString('translators.deepl.apiKey', $findings['dropin.llm.setting']->message);
        self::assertStringNotContainsString('c4n4ry', (string) json_encode($findings));
    }

    #[Test]
    public function withoutAServiceItIsToldThatItIsRefused(): void
    {
        self::dropIn('refuse');
        $this->storeSecret(self::KEY, self::TOKEN);

        $failure = self::thrown(fn () => $this->adapter('openai')->chatCompletion([['role' => 'user', 'content' => 'Hello']]));

        self::assertStringContainsString('policy.service_unknown', $failure->getMessage());
        self::assertSame(0, $this->countRows(self::VAULT_AUDIT, ['action' => 'read']));
    }

    /**
     * @param array<string, string> $fields
     */
    private function service(array $fields): void
    {
        $set = $this->saveSet('llm-key', $this->storeSecret(self::KEY, self::TOKEN), $fields);
        $this->saveService('llm', ['base_url' => self::$upstream->url(), 'credential_sets' => (string) $set]);
    }

    private function adapter(string $type): ProviderInterface
    {
        $provider = new Provider();
        $provider->setIdentifier('test');
        $provider->setAdapterType($type);
        $provider->setEndpointUrl(self::$upstream->url());
        $provider->setApiKey(self::KEY);
        $provider->setMaxRetries(1);
        return $this->get(ProviderAdapterRegistry::class)->createAdapterFromProvider($provider, false);
    }
}
