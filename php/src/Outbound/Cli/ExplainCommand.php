<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Call\CallOptions;
use Netresearch\NrVault\Outbound\Call\RequestBuilder;
use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\Refusal;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Text\Uuid7;

/**
 * Says what the policy decides about a call. Nothing is opened, resolved or sent.
 *
 * @internal
 */
final class ExplainCommand implements Command
{
    public static function help(): string
    {
        $setup = Setup::HELP;
        return <<<TEXT
            explain SERVICE METHOD PATH $setup
                    [--query=NAME=VALUE]… [--header=NAME:VALUE]… [--format=json]
              Says whether the call would be allowed: its canonical URL and the pattern that matched, or the refusal and
              what to do. Nothing is sent, no credential is opened and no name is resolved. A circuit that has opened in a
              worker (policy.circuit_open) is not seen: circuits are kept by process, and this one has none.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        $valued = [...Setup::OPTIONS, 'query', 'header', 'format'];
        $arguments = Arguments::parse($argv, [], $valued, ['SERVICE', 'METHOD', 'PATH']);
        $format = $arguments->value('format') ?? 'text';
        if (!in_array($format, ['text', 'json'], true)) {
            throw new UsageError('--format is text or json.');
        }
        $json = $format === 'json';
        $setup = new Setup($arguments);
        try {
            $service = $setup->registry->get($arguments->word(0));
            $request = self::request($service, $arguments);
            $decision = $setup->transports->select($service->transport)->decide($request, $service->credentials);
        } catch (OutboundException $refusal) {
            if (!$json) {
                throw $refusal;
            }
            $streams->json(['version' => 1, 'allowed' => false, 'refusal' => Refusal::toArray($refusal)]);
            return Application::FAILED;
        }
        $identifiers = array_column($service->credentials, 'identifier');
        if ($json) {
            $streams->json(['version' => 1, 'allowed' => true, 'method' => $decision->method, 'url' => $decision->url,
                'path_template' => $decision->pathTemplate, 'credentials' => $identifiers]);
        } else {
            $streams->write("allowed: {$decision->method} {$decision->url}\n");
            $streams->write('pattern: ' . ($decision->pathTemplate ?? 'everything below the base path') . "\n");
            $streams->write('credentials: ' . ($identifiers === [] ? 'none' : implode(', ', $identifiers)) . "\n");
            if ($service->policy->breaker !== null) {
                $streams->write("circuit: not known here; each worker has its own\n");
            }
        }
        return Application::OK;
    }

    private static function request(ServiceDefinition $service, Arguments $arguments): RequestSpec
    {
        $options = CallOptions::read([
            'query' => Setup::pairs($arguments->values('query'), 'query', '='),
            'headers' => Setup::pairs($arguments->values('header'), 'header', ':'),
        ]);
        $id = Uuid7::generate();
        return RequestBuilder::build($service, $arguments->word(1), $arguments->word(2), null, $options, $id, null);
    }
}
