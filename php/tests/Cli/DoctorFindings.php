<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

/**
 * Runs the doctor of $this->installation and reads its report.
 */
trait DoctorFindings
{
    /**
     * @param array<string, string|null> $options replaces options; null removes one
     * @param list<string> $php options of PHP itself
     * @param array<string, string> $environment
     * @return array{verdict: string, findings: list<array<string, string>>, exit: int}
     */
    private function doctor(array $options = [], array $php = [], array $environment = []): array
    {
        $arguments = ['doctor', '--format=json', ...$this->arguments($options)];
        $environment += ['SECURE_OUTBOUND_LIBRARY' => '/nonexistent'];
        $program = $this->installation->php . '/bin/secure-outbound';
        $result = self::command($arguments, '', $environment, $php, $program);
        $report = json_decode($result['output'], true);
        self::assertIsArray($report, $result['output']);
        return $report + ['exit' => $result['code']];
    }

    /**
     * Options for a machine where nothing is wrong and php-fpm is not asked.
     *
     * @param array<string, string|null> $options
     * @return list<string>
     */
    private function arguments(array $options = []): array
    {
        $options += ['library' => $this->installation->library];
        // Only where the test has none of its own, because a key and files of these names are written here.
        if (!array_key_exists('config', $options)) {
            $options['config'] = $this->json('config.json', $this->config());
        }
        if (!array_key_exists('registry', $options)) {
            $options['registry'] = $this->json('services.json', $this->registry());
        }
        if (!isset($options['fpm-socket']) && !array_key_exists('no-fpm', $options)) {
            $options['no-fpm'] = '';
        }
        $words = [];
        foreach (array_filter($options, is_string(...)) as $name => $value) {
            $words[] = '--' . $name . ($value === '' ? '' : '=' . $value);
        }
        return $words;
    }

    /**
     * @return array<string, mixed>
     */
    private function config(): array
    {
        return ['master_keys' => [['id' => 'vault', 'provider' => 'file', 'path' => $this->keyFile()]]];
    }

    /**
     * @return array<string, mixed>
     */
    private function registry(): array
    {
        return ['version' => 1, 'services' => ['crm' => [
            'base_url' => 'https://api.example.com/v1',
            'policy' => ['allowed_methods' => ['GET']],
        ]]];
    }

    /**
     * The findings that are not ok.
     *
     * @param array{findings: list<array<string, string>>} $report
     * @return array<string, string> code => verdict
     */
    private static function wrong(array $report): array
    {
        return array_filter(
            array_column($report['findings'], 'verdict', 'code'),
            static fn (string $verdict): bool => $verdict !== 'ok',
        );
    }

    /**
     * @param array{findings: list<array<string, string>>} $report
     * @param string|null $code null: the first that is not ok
     * @return array<string, string>
     */
    private static function finding(array $report, ?string $code = null): array
    {
        $code ??= array_key_first(self::wrong($report));
        return array_column($report['findings'], null, 'code')[$code];
    }
}
