<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Crypto\EncryptionServiceInterface;
use Netresearch\NrVault\Http\AdditionalSecretHttpClientInterface;
use Netresearch\NrVault\Http\CancellableHttpClientInterface;
use Netresearch\NrVault\Http\CancellationSignalInterface;
use Netresearch\NrVault\Http\OAuth\OAuthConfig;
use Netresearch\NrVault\Http\SecretPlacement;
use Netresearch\NrVault\Http\StreamingHttpClientInterface;
use Netresearch\NrVault\Http\VaultHttpClientFactoryInterface;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;
use TYPO3\CMS\Core\Core\Bootstrap;

/**
 * Makes calls with methods that nr-vault's HTTP client has in later releases only, and prints the results and the classes behind
 * nr-vault's interfaces.
 */
final class HttpCommand extends Command
{
    public function __construct(
        private readonly VaultServiceInterface $vault,
        private readonly EncryptionServiceInterface $encryption,
        private readonly VaultHttpClientFactoryInterface $factory,
    ) {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this->addArgument('url', InputArgument::REQUIRED, 'that answers with what it saw');
        $this->addArgument('file', InputArgument::REQUIRED, 'where the result goes');
        $this->addArgument('silent', InputArgument::OPTIONAL, 'that never answers', '');
        $this->addArgument('parts', InputArgument::OPTIONAL, 'that sends a part of its body, and then nothing; the second time it ends there', '');
        $this->addArgument('idle', InputArgument::OPTIONAL, 'that sends nothing two times, and then a part of its body; of a service that waits for a moment', '');
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        Bootstrap::initializeBackendAuthentication();
        $client = $this->vault->http()->withAuthentication('crm_token');
        $isNext = $client instanceof CancellableHttpClientInterface && $client instanceof StreamingHttpClientInterface;
        $services = [$this->vault, $this->encryption, $this->factory];
        $result = ['client' => $client::class, 'services' => array_map(get_class(...), $services)];
        if ($isNext) {
            $result += $this->calls($client, $input->getArgument('url'));
            $result += self::endings($client, $input->getArgument('silent'), $input->getArgument('parts'));
            $result['idle'] = self::idle($client, new Request('GET', $input->getArgument('idle')));
        }
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
            'cancellable' => (string) $client->sendCancellable($get, self::signal(static fn (): bool => false))->getBody(),
            'streaming' => (string) $client->sendStreaming($get, self::signal(static fn (): bool => false))->getBody(),
            'streaming without a signal' => (string) $client->sendStreaming($get)->getBody(),
            'cancelled' => [
                self::thrown(static fn () => $client->sendCancellable($get, self::signal(static fn (): bool => true))),
                self::thrown(static fn () => $client->sendStreaming($get, self::signal(static fn (): bool => true))),
            ],
            'limited' => (string) $client->withTimeout(60)->sendRequest($get)->getBody(),
        ];
        // The library has no token for a client that is two secrets.
        $this->vault->store('crm_client', 'me');
        $token = $this->vault->http()->withOAuth(OAuthConfig::clientCredentials($url, 'crm_client', 'crm_other'));
        if ($token instanceof CancellableHttpClientInterface && $token instanceof StreamingHttpClientInterface) {
            $result['by nr-vault itself'] = [
                (string) $token->sendCancellable($get, self::signal(static fn (): bool => false))->getBody(),
                (string) $token->sendStreaming($get, self::signal(static fn (): bool => false))->getBody(),
                self::thrown(static fn () => $token->sendStreaming($get, self::signal(static fn (): bool => true))),
            ];
        }
        if ($token instanceof AdditionalSecretHttpClientInterface && $token instanceof CancellableHttpClientInterface) {
            $with = $token->withAdditionalBodyField('crm_other', 'subject');
            $result['fields by nr-vault itself'] = (string) $with->sendCancellable($get, self::signal(static fn (): bool => false))->getBody();
        }
        if ($body instanceof AdditionalSecretHttpClientInterface) {
            $post = new Request('POST', $url, ['Content-Type' => 'application/json'], '{"a":1}');
            $result['fields'] = (string) $body->withAdditionalBodyField('crm_other', 'client_secret')->sendRequest($post)->getBody();
        }
        return $result;
    }

    /**
     * Calls that end after their beginning.
     *
     * @return array<string, mixed>
     */
    private static function endings(
        CancellableHttpClientInterface&StreamingHttpClientInterface $client,
        string $silent,
        string $parts,
    ): array {
        [$waits, $get] = [new Request('GET', $silent), new Request('GET', $parts)];
        $isCancelled = false;
        $held = $client->sendStreaming($get, self::signal(static function () use (&$isCancelled): bool {
            return $isCancelled;
        }))->getBody();
        $first = $held->read(100);
        $isCancelled = true;
        $cancelled = self::thrown(static fn () => $held->read(100));
        $broken = $client->sendStreaming($get)->getBody();
        return [
            'cancelled while it waits' => [
                self::thrown(static fn () => $client->sendCancellable($waits, self::second())),
                self::thrown(static fn () => $client->sendStreaming($waits, self::second())),
            ],
            'cancelled while it is read' => [$first, $cancelled],
            'broken' => [$broken->read(100), self::thrown(static fn () => $broken->getContents()), $broken->eof()],
        ];
    }

    /**
     * Calls of an API that goes silent.
     *
     * @return array<string, mixed>
     */
    private static function idle(CancellableHttpClientInterface&StreamingHttpClientInterface $client, Request $get): array
    {
        return [
            'whole' => self::thrown(static fn () => $client->sendCancellable($get, self::signal(static fn (): bool => false))),
            'stream' => self::thrown(static fn () => $client->sendStreaming($get)),
            'body' => self::thrown(static fn () => $client->sendStreaming($get)->getBody()->getContents()),
        ];
    }

    /** Does not say so before the call, and does when it waits. */
    private static function second(): CancellationSignalInterface
    {
        $asked = 0;
        return self::signal(static function () use (&$asked): bool {
            return $asked++ > 0;
        });
    }

    /**
     * @param \Closure(): bool $isCancelled
     */
    private static function signal(\Closure $isCancelled): CancellationSignalInterface
    {
        return new class ($isCancelled) implements CancellationSignalInterface {
            /**
             * @param \Closure(): bool $isCancelled
             */
            public function __construct(private readonly \Closure $isCancelled)
            {
            }

            public function isCancelled(): bool
            {
                return ($this->isCancelled)();
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
