<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Report;

use Netresearch\NrSecureOutbound\Tests\Functional\OutboundTestCase;
use PHPUnit\Framework\Attributes\Test;
use TYPO3\CMS\Core\Type\ContextualFeedbackSeverity;
use TYPO3\CMS\Reports\Registry\StatusRegistry;
use TYPO3\CMS\Reports\Status;
use TYPO3\CMS\Reports\StatusProviderInterface;

/**
 * The doctor's findings in TYPO3's reports module.
 */
final class OutboundStatusTest extends OutboundTestCase
{
    protected array $coreExtensionsToLoad = ['reports'];

    #[Test]
    public function whatIsNotInOrderIsAmongTheReports(): void
    {
        $this->saveSet('crm<b>', $this->storeSecret('crm_token', 's3cr3t', ['frontendAccessible' => true]));

        $statuses = $this->statuses();

        self::assertArrayHasKey('vault.frontend_accessible', $statuses);
        $critical = $statuses['vault.frontend_accessible'];
        self::assertSame(ContextualFeedbackSeverity::ERROR, $critical->getSeverity());
        self::assertStringContainsString('&quot;crm&lt;b&gt;&quot; is frontend_accessible', $critical->getMessage());
        self::assertStringContainsString('<br><code>Take &quot;Frontend accessible&quot; off', $critical->getMessage());
        self::assertSame(ContextualFeedbackSeverity::WARNING, $statuses['vault.gates']->getSeverity());
        $sound = array_filter($statuses, static fn (Status $status): bool => $status->getSeverity() === ContextualFeedbackSeverity::OK);
        self::assertCount(1, $sound);
        self::assertMatchesRegularExpression('/\A[1-9]\d* things are in order\z/', (string) array_key_first($sound));
    }

    /**
     * @return array<string, Status> by message
     */
    private function statuses(): array
    {
        $provider = null;
        foreach ($this->get(StatusRegistry::class)->getProviders() as $one) {
            $provider = $one instanceof StatusProviderInterface && $one->getLabel() === 'Secure Outbound' ? $one : $provider;
        }
        self::assertNotNull($provider);
        $statuses = [];
        foreach ($provider->getStatus() as $status) {
            $statuses[$status->getValue()] = $status;
        }
        return $statuses;
    }
}
