<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Http\AdditionalSecretHttpClientInterface;
use Netresearch\NrVault\Http\CancellableHttpClientInterface;
use Netresearch\NrVault\Http\CancellationSignalInterface;
use Netresearch\NrVault\Http\SecretPlacement;
use Netresearch\NrVault\Http\StreamingHttpClientInterface;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;
use TYPO3\CMS\Core\Core\Bootstrap;

/**
 * Makes calls with methods that nr-vault's HTTP client has in later releases only, and prints the results.
 */
final class HttpCommand extends Command
{
    public function __construct(private readonly VaultServiceInterface $vault)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this->addArgument('url', InputArgument::REQUIRED, 'that answers with what it saw');
        $this->addArgument('file', InputArgument::REQUIRED, 'where the result goes');
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        Bootstrap::initializeBackendAuthentication();
        $client = $this->vault->http()->withAuthentication('crm_token');
        $isNext = $client instanceof CancellableHttpClientInterface && $client instanceof StreamingHttpClientInterface;
        $result = ['client' => $client::class] + ($isNext ? $this->calls($client, $input->getArgument('url')) : []);
        file_put_contents($input->getArgument('file'), json_encode($result));
        return self::SUCCESS;
    }

    /**
     * @return array<string, mixed>
     */
    private function calls(CancellableHttpClientInterface&StreamingHttpClientInterface $client, string $url): array
    {
        $this->vault->store('crm_token', 'tok-1');
        $this->vault->store('crm_other', 'tok-2');
        $get = new Request('GET', $url);
        $body = $this->vault->http()->withAuthentication('crm_token', SecretPlacement::BodyField, ['bodyField' => 'subject']);
        $result = [
            'supports' => [$client->supportsCancellation(), $client->supportsStreaming()],
            'cancellable' => (string) $client->sendCancellable($get, self::signal(false))->getBody(),
            'streaming' => (string) $client->sendStreaming($get, self::signal(false))->getBody(),
            'streaming without a signal' => (string) $client->sendStreaming($get)->getBody(),
            'cancelled' => [
                self::thrown(static fn () => $client->sendCancellable($get, self::signal(true))),
                self::thrown(static fn () => $client->sendStreaming($get, self::signal(true))),
            ],
            'limited' => (string) $client->withTimeout(60)->sendRequest($get)->getBody(),
        ];
        if ($body instanceof AdditionalSecretHttpClientInterface) {
            $post = new Request('POST', $url, ['Content-Type' => 'application/json'], '{"a":1}');
            $result['fields'] = (string) $body->withAdditionalBodyField('crm_other', 'client_secret')->sendRequest($post)->getBody();
        }
        return $result;
    }

    private static function signal(bool $isCancelled): CancellationSignalInterface
    {
        return new class ($isCancelled) implements CancellationSignalInterface {
            public function __construct(private readonly bool $isCancelled)
            {
            }

            public function isCancelled(): bool
            {
                return $this->isCancelled;
            }
        };
    }

    /**
     * @param \Closure(): mixed $call
     * @return array{string, int}|null
     */
    private static function thrown(\Closure $call): ?array
    {
        try {
            $call();
            return null;
        } catch (\Throwable $thrown) {
            return [$thrown::class, $thrown->getCode()];
        }
    }
}
