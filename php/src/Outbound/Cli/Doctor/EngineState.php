<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\Text\JsonObject;
use Netresearch\NrVault\Transport\Wire;

/**
 * The result of opening an engine, from the head of `open`: an error, or warnings.
 *
 * @phpstan-type Notice array{code: string, message: string}
 *
 * @internal
 */
final readonly class EngineState
{
    /**
     * @param Notice|null $error
     * @param list<Notice> $warnings
     */
    public function __construct(public ?array $error, public array $warnings = [])
    {
    }

    /**
     * @throws \UnexpectedValueException
     */
    public static function read(JsonObject $head): self
    {
        $error = $head->objectOrNull('error');
        $warnings = $head->has('warnings') ? $head->objects('warnings') : [];
        return new self($error === null ? null : self::notice($error), array_map(self::notice(...), $warnings));
    }

    /** From the head that the library returned; a head that cannot be read is an error. */
    public static function ofLibrary(#[\SensitiveParameter] string $head): self
    {
        $told = Wire::decode($head);
        try {
            if ($told !== null) {
                return self::read(new JsonObject($told));
            }
        } catch (\UnexpectedValueException) {
            // The error is returned below.
        }
        return new self(['code' => 'internal.panic', 'message' => 'the document that the library gave cannot be read']);
    }

    /**
     * @return list<Notice>
     */
    public function notices(): array
    {
        return $this->error === null ? $this->warnings : [$this->error, ...$this->warnings];
    }

    /**
     * @return Notice
     */
    private static function notice(JsonObject $told): array
    {
        return ['code' => $told->string('code'), 'message' => $told->string('message')];
    }
}
