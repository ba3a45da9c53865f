<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Audit\StaticCallContext;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Service\SecureHttpClientInterface;

/**
 * Sends one call, as a manual test of a service.
 *
 * @phpstan-import-type Options from SecureHttpClientInterface
 *
 * @internal
 */
final class SendCommand implements Command
{
    public static function help(): string
    {
        $setup = Setup::HELP;
        return <<<TEXT
            send SERVICE METHOD PATH $setup
                 [--query=NAME=VALUE]… [--header=NAME:VALUE]… [--timeout=SECONDS] [--idempotency-key=KEY]
                 [--body | --json] [--audit-log=FILE]
              Calls the service and shows status, headers and body. With --body, standard input is the body; with --json
              it is one of JSON. The audit record is a line of standard error, or one that is appended to the file, which
              root touches as the owner of its directory.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        $valued = [...Setup::OPTIONS, 'query', 'header', 'timeout', 'idempotency-key', 'audit-log'];
        $words = ['SERVICE', 'METHOD', 'PATH'];
        $arguments = Arguments::parse($argv, ['body', 'json'], $valued, $words);
        $setup = new Setup($arguments);
        $options = self::options($arguments, $streams);
        $log = $arguments->value('audit-log');
        if ($log !== null && !str_starts_with($log, '/')) {
            throw new UsageError('--audit-log is an absolute path.');
        }
        $client = new SecureHttpClient(new ServiceCalls(
            $setup->registry,
            $setup->credentials,
            $setup->transports,
            $log === null ? new StandardErrorAuditSink($streams) : OwnersAuditSink::open($log),
            new StaticCallContext('cli', get_current_user()),
        ));
        $response = $client->request($arguments->word(0), $arguments->word(1), $arguments->word(2), $options);
        $version = (string) $response->audit()->record['http_version'];
        $streams->write('HTTP/' . $version . ' ' . $response->statusCode() . "\n");
        foreach ($response->headers() as $name => $values) {
            foreach ($values as $value) {
                $streams->write($name . ': ' . $value . "\n");
            }
        }
        $streams->write("\n" . $response->body());
        return Application::OK;
    }

    /**
     * @return Options
     */
    private static function options(Arguments $arguments, Streams $streams): array
    {
        $options = ['query' => Setup::pairs($arguments->values('query'), 'query', '=')];
        $headers = Setup::pairs($arguments->values('header'), 'header', ':');
        $timeout = $arguments->value('timeout');
        if ($timeout !== null) {
            $options['timeout'] = is_numeric($timeout)
                ? (float) $timeout
                : throw new UsageError('--timeout is a number of seconds.');
        }
        $key = $arguments->value('idempotency-key');
        if ($key !== null) {
            $options['idempotencyKey'] = $key;
        }
        if ($arguments->has('body') || $arguments->has('json')) {
            $options['body'] = $streams->read('The body');
            if ($arguments->has('json')) {
                if (json_decode($options['body']) === null && trim($options['body']) !== 'null') {
                    throw new UsageError('The body is no JSON.');
                }
                $headers[] = ['content-type', 'application/json'];
            }
        }
        return $options + ['headers' => $headers];
    }
}
