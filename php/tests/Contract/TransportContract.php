<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * The contract that every transport has to keep. A subclass names its transport; where a transport cannot keep it, Deviations says
 * what it does instead.
 */
abstract class TransportContract extends ContractTestCase
{
    use Cases\AddressCases;
    use Cases\AlternativeCases;
    use Cases\AttemptCases;
    use Cases\BreakerCases;
    use Cases\CheckCases;
    use Cases\CodingCases;
    use Cases\ConfigurationCases;
    use Cases\ConfiguredLimitCases;
    use Cases\DeadlineCases;
    use Cases\EnvelopeCases;
    use Cases\FaultCases;
    use Cases\FaultTableCases;
    use Cases\HostileCases;
    use Cases\Http2Cases;
    use Cases\InterruptionCases;
    use Cases\LimitCases;
    use Cases\MessageCases;
    use Cases\OpenBasedirCases;
    use Cases\PayloadCases;
    use Cases\PinCases;
    use Cases\PlacementCases;
    use Cases\PolicyCases;
    use Cases\ProxyCases;
    use Cases\ReceivedCases;
    use Cases\RedirectCases;
    use Cases\TlsCases;
    use Cases\UrlCases;
}
