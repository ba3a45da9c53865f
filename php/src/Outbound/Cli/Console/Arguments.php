<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Console;

/**
 * The arguments after a command: options "--name", "--name=value" and "--name value" in any place, and the other words in their
 * order. After "--" there are no options.
 *
 * @internal
 */
final readonly class Arguments
{
    /**
     * @param list<string> $words
     * @param array<string, list<string>> $options
     */
    private function __construct(private array $words, private array $options)
    {
    }

    /**
     * @param list<string> $argv
     * @param list<string> $flags options without a value
     * @param list<string> $valued options with a value
     * @param list<string> $words names of the required arguments
     * @throws UsageError
     */
    public static function parse(array $argv, array $flags, array $valued, array $words): self
    {
        $found = [];
        $options = [];
        for ($i = 0; $i < count($argv); $i++) {
            if ($argv[$i] === '--') {
                array_push($found, ...array_slice($argv, $i + 1));
                break;
            }
            if (!str_starts_with($argv[$i], '--')) {
                $found[] = $argv[$i];
                continue;
            }
            $option = explode('=', substr($argv[$i], 2), 2);
            [$name, $value] = [$option[0], $option[1] ?? null];
            if (in_array($name, $flags, true)) {
                if ($value !== null) {
                    throw new UsageError('--' . $name . ' takes no value.');
                }
                $options[$name][] = '';
            } elseif (in_array($name, $valued, true)) {
                $options[$name][] = $value ?? $argv[++$i] ?? throw new UsageError('--' . $name . ' needs a value.');
            } else {
                // Its value is not repeated: it may be a secret.
                throw new UsageError('There is no option --' . preg_replace('/[^A-Za-z0-9-].*/s', '…', $name) . '.');
            }
        }
        if (count($found) !== count($words)) {
            throw new UsageError($words === []
                ? 'Only options go here.'
                : 'Exactly these go here: ' . implode(' ', $words) . '.');
        }
        return new self($found, $options);
    }

    public function word(int $index): string
    {
        return $this->words[$index];
    }

    public function has(string $option): bool
    {
        return isset($this->options[$option]);
    }

    /**
     * @throws UsageError if it is given twice, or is empty
     */
    public function value(string $option): ?string
    {
        $values = $this->options[$option] ?? [null];
        if (count($values) > 1) {
            throw new UsageError('--' . $option . ' is given twice.');
        }
        return $values[0] !== '' ? $values[0] : throw new UsageError('--' . $option . ' needs a value.');
    }

    /**
     * @throws UsageError
     */
    public function required(string $option): string
    {
        return $this->value($option) ?? throw new UsageError('--' . $option . ' is missing.');
    }

    /**
     * @return list<string>
     */
    public function values(string $option): array
    {
        return $this->options[$option] ?? [];
    }
}
