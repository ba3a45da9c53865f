<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Backend;

use Netresearch\NrSecureOutbound\Backend\Service\TestRun;
use PHPUnit\Framework\Attributes\Test;
use Psr\Http\Message\ResponseInterface;

/**
 * The test call of a service: the one that its row names, sent by a form of the module and by nothing else.
 */
final class TestCallTest extends ModuleTestCase
{
    private const PAGE = self::ROUTE . '.service';
    private const BODY = '~<pre class="outbound-body" tabindex="0"><code>(.*?)</code></pre>~s';
    private const CALL = ['test_method' => 'GET', 'test_path' => '/echo'];

    #[Test]
    public function theCallThatTheRowNamesIsMade(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57', self::CALL);

        $page = self::text($this->submit($uid));

        self::assertMatchesRegularExpression('/Status 200 in [\d.]+ m?s/', $page);
        self::assertStringContainsString('"uri":"/v1/echo"', $page);
        self::assertStringContainsString('Audit record', $page);
        $records = $this->rows('tx_nrvault_outbound_audit');
        self::assertSame(['crm'], array_column($records, 'service_id'));
        self::assertSame(['backend_user'], array_column($records, 'actor_type'));
        self::assertSame([TestRun::class . '::of'], array_column($records, 'caller'));
        self::assertStringContainsString('service_id crm', $page);
    }

    #[Test]
    public function nothingElseIsSentWhateverTheFormSays(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57', self::CALL);

        $page = self::text($this->submit($uid, ['method' => 'POST', 'path' => '/other', 'test_path' => '/other']));

        self::assertStringContainsString('"uri":"/v1/echo"', $page);
        self::assertStringNotContainsString('/other', $page);
    }

    #[Test]
    public function aFormOfNobodysSendsNothing(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57', self::CALL);
        $other = $this->serviceWithSecret('bank', 'tok-8e58', self::CALL);

        foreach (['', 'x', $this->proof($other)] as $proof) {
            $page = self::text($this->open(self::PAGE, ['service' => $uid], ['do' => 'test', 'proof' => $proof]));
            self::assertStringContainsString('Nothing was sent', $page);
        }

        self::assertSame(0, $this->countRows('tx_nrvault_outbound_audit'));
    }

    #[Test]
    public function openingAnAddressSendsNothing(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57', self::CALL);

        $this->open(self::PAGE, ['service' => $uid, 'do' => 'test', 'proof' => $this->proof($uid)]);

        self::assertSame(0, $this->countRows('tx_nrvault_outbound_audit'));
    }

    #[Test]
    public function aRefusalIsShown(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57', ['allowed_paths' => '/v1/other'] + self::CALL);

        $page = self::text($this->submit($uid));

        self::assertStringContainsString('There was no response', $page);
        self::assertStringContainsString('policy.path_not_allowed', $page);
    }

    #[Test]
    public function aServiceWithoutATestCallOffersNone(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57');

        self::assertStringContainsString('The service names no test call.', self::text($this->open(self::PAGE, ['service' => $uid])));
    }

    #[Test]
    public function whoLacksTheRightSendsNothing(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57', self::CALL);
        $this->logInWith('view', 'explain');

        self::assertStringNotContainsString('Test call', self::text($this->open(self::PAGE, ['service' => $uid])));
        $response = $this->open(self::PAGE, ['service' => $uid], ['do' => 'test', 'proof' => 'x']);

        self::assertSame(403, $response->getStatusCode());
        self::assertSame(0, $this->countRows('tx_nrvault_outbound_audit'));
    }

    /**
     * nr-vault gives the secret that an administrator owns to no other user.
     */
    #[Test]
    public function whoMayTestReadsNoSecretThatIsNotTheirs(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57', self::CALL);
        $this->logInWith('view', 'test');

        self::assertStringContainsString('credential.access_denied', self::text($this->submit($uid)));
    }

    #[Test]
    public function aBodyIsCutAndShownAsText(): void
    {
        self::assertSame(2048, strlen(TestRun::excerpt(str_repeat('a', 5000))));
        self::assertSame('ä', mb_substr(TestRun::excerpt('a' . str_repeat('ä', 2000)), -1));
        self::assertSame("a\n\u{FFFD}\tb\u{FFFD}", TestRun::excerpt("a\r\n\0\tb\u{202E}"));
        self::assertStringStartsWith('GIF89a', TestRun::excerpt("GIF89a\xff\xfe\x00"));
        self::assertTrue(mb_check_encoding(TestRun::excerpt(random_bytes(3000)), 'UTF-8'));
    }

    #[Test]
    public function thePageShowsTwoKibibytesOfABody(): void
    {
        foreach ([2048 => false, 2049 => true] as $size => $isCut) {
            $uid = $this->serviceWithSecret("size-$size", 'tok-7e57', ['test_path' => "/bytes/$size"] + self::CALL);

            $page = (string) $this->submit($uid)->getBody();

            // Each of these bytes is a character on the page.
            self::assertSame(2048, mb_strlen(self::excerpt($page)));
            self::assertSame($isCut, str_contains($page, 'Only the beginning is shown.'));
            self::assertStringNotContainsString('tok-7e57', $page);
        }
    }

    #[Test]
    public function aBodyIsNoMarkupOfThePage(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57', ['headers' => 'X-Note: </code></pre><script>alert(1)</script>'] + self::CALL);

        $page = (string) $this->submit($uid)->getBody();

        self::assertStringContainsString('</code></pre><script>alert(1)</script>', self::excerpt($page));
        self::assertStringNotContainsString('<script>alert(1)', $page);
    }

    /**
     * The library redacts header fields, and searches no body, so the page says beforehand what it may show.
     */
    #[Test]
    public function aSecretThatTheApiSendsBackIsShownInTheBodyAlone(): void
    {
        $uid = $this->serviceWithSecret('crm', 'tok-7e57', self::CALL);
        $warning = 'an API that sends back what it got shows the secret here';
        self::assertStringContainsString($warning, self::text($this->open(self::PAGE, ['service' => $uid])));

        $page = (string) $this->submit($uid)->getBody();

        self::assertStringContainsString('Bearer tok-7e57', self::excerpt($page));
        self::assertStringContainsString($warning, $page);
        self::assertStringNotContainsString('tok-7e57', preg_replace(self::BODY, '', $page) ?? 'tok-7e57');
        self::assertStringNotContainsString('tok-7e57', (string) json_encode($this->rows('tx_nrvault_outbound_audit')));
    }

    /** The part of a page that shows the body of the response, as the text that it shows. */
    private static function excerpt(string $page): string
    {
        self::assertSame(1, preg_match(self::BODY, $page, $match));
        return html_entity_decode($match[1] ?? '', ENT_QUOTES | ENT_HTML5);
    }

    /**
     * @param array<string, string> $more
     */
    private function submit(int $service, array $more = []): ResponseInterface
    {
        $fields = $more + ['do' => 'test', 'proof' => $this->proof($service)];
        return $this->open(self::PAGE, ['service' => $service], $fields);
    }

    /** The token of the form on the page. */
    private function proof(int $service): string
    {
        $page = (string) $this->open(self::PAGE, ['service' => $service])->getBody();
        self::assertSame(1, preg_match('/name="proof" value="([0-9a-f]+)"/', $page, $match));
        return $match[1] ?? '';
    }
}
