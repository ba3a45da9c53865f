<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Shows what the policy decides about a call. Nothing is opened, resolved or sent.
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
              what to do; the types of the credentials, and what is signed. Nothing is sent, no credential is opened and no
              name is resolved. A circuit that has opened in a worker (policy.circuit_open) is not seen: circuits are kept by
              process, and this one has none.

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
            $explanation = Explanation::of(
                $setup->registry,
                $setup->transports,
                $arguments->word(0),
                $arguments->word(1),
                $arguments->word(2),
                Setup::pairs($arguments->values('query'), 'query', '='),
                Setup::pairs($arguments->values('header'), 'header', ':'),
            );
        } catch (OutboundException $refusal) {
            if (!$json) {
                throw $refusal;
            }
            $streams->json(Explanation::ofRefusal($refusal));
            return Application::FAILED;
        }
        $json ? $streams->json($explanation->toArray()) : $streams->write($explanation->text());
        return Application::OK;
    }
}
