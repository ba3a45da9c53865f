<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * What every transport does. A subclass names its transport; where that cannot be equal, Deviations has the difference.
 */
abstract class TransportContract extends ContractTestCase
{
    use AddressCases;
    use AttemptCases;
    use BreakerCases;
    use CheckCases;
    use CodingCases;
    use ConfigurationCases;
    use ConfiguredLimitCases;
    use DeadlineCases;
    use EnvelopeCases;
    use FaultCases;
    use FaultTableCases;
    use HostileCases;
    use Http2Cases;
    use InterruptionCases;
    use LimitCases;
    use MessageCases;
    use OpenBasedirCases;
    use PayloadCases;
    use PinCases;
    use PlacementCases;
    use PolicyCases;
    use ProxyCases;
    use ReceivedCases;
    use RedirectCases;
    use TlsCases;
    use UrlCases;
}
