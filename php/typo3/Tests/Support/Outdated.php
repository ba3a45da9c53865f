<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

use PHPUnit\Framework\Assert;
use TYPO3\CMS\Core\Log\Writer\FileWriter;

/**
 * What TYPO3 logs of the use of outdated functions.
 */
final class Outdated
{
    /** Settings with which a site logs it. */
    public const LOGGED = ['TYPO3' => ['CMS' => ['deprecations' => ['writerConfiguration' => [
        'notice' => [FileWriter::class => ['disabled' => false]],
    ]]]]];

    /** Attributes and options of Symfony, forms of nr-llm, and what TYPO3 itself calls when it checks an address to return to. */
    private const IN_OTHERS = '/Since symfony\/|\'tx_nrllm_|GeneralUtility::resolveBackPath/';

    /** Fails where the log of a site has an entry that is not about another package. */
    public static function assertOnlyInOthers(Site $site): void
    {
        $files = glob($site->path . '/var/log/typo3_deprecations_*.log') ?: [];
        $log = implode('', array_map(file_get_contents(...), $files));
        $entries = preg_split('/^(?=\w{3}, \d\d )/m', $log, flags: PREG_SPLIT_NO_EMPTY) ?: [];

        Assert::assertNotSame([], $entries, 'other packages do use what is outdated');
        Assert::assertSame([], preg_grep(self::IN_OTHERS, $entries, PREG_GREP_INVERT));
        Assert::assertDoesNotMatchRegularExpression('/tx_nrvault_(service|credential_set|outbound_audit)|SecureOutbound/', $log);
    }
}
