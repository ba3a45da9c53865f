<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Audit;

use Netresearch\NrSecureOutbound\Backend\Input;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use TYPO3\CMS\Core\Database\Connection;
use TYPO3\CMS\Core\Database\Query\QueryBuilder;

/**
 * Which audit records are shown, as the form of the audit log says. A value that a field cannot have is ignored.
 *
 * @internal
 */
final readonly class AuditFilter
{
    public const OUTCOMES = [AuditEntry::RESPONSE, AuditEntry::REFUSED, AuditEntry::FAILED, AuditEntry::INTENT];

    /** Days that are shown if the form has no first day. */
    public const DAYS = 30;

    private const DATE = '/\A\d{4}-\d\d-\d\d\z/';

    /**
     * @param array<string, string> $fields what is filled in, by name
     */
    private function __construct(public array $fields, private int $since, private ?int $until)
    {
    }

    /**
     * @param array<mixed> $query
     */
    public static function read(array $query): self
    {
        $forms = [
            'service_id' => '/\A[a-z][a-z0-9._-]{1,63}\z/',
            'outcome' => '/\A(' . implode('|', self::OUTCOMES) . ')\z/',
            'status' => '/\A[1-9](\d\d|xx)\z/',
            'code' => '/\A[a-z_]{1,64}(\.[a-z0-9_]{1,64})?\z/',
            'correlation' => '/\A[A-Za-z0-9._:-]{1,128}\z/',
            'since' => self::DATE,
            'until' => self::DATE,
        ];
        $fields = [];
        foreach ($forms as $name => $form) {
            $value = Input::text($query, $name);
            if (preg_match($form, $value) === 1) {
                $fields[$name] = $value;
            }
        }
        $since = self::midnight($fields['since'] ?? '') ?? self::midnight('-' . (self::DAYS - 1) . ' days');
        $until = self::midnight($fields['until'] ?? '');
        // The end of that day, which may have 23 or 25 hours.
        return new self($fields, (int) $since, $until === null ? null : strtotime('+1 day', $until));
    }

    public function since(): int
    {
        return $this->since;
    }

    /** The second after the last one that is shown. */
    public function until(): int
    {
        return $this->until ?? time() + 1;
    }

    public function restrict(QueryBuilder $query): void
    {
        $expression = $query->expr();
        $equal = static fn (string $column, string $value): string
            => $expression->eq($column, $query->createNamedParameter($value));
        $number = static fn (int $value): string => $query->createNamedParameter($value, Connection::PARAM_INT);
        $query->andWhere($expression->gte('crdate', $number($this->since)));
        if ($this->until !== null) {
            $query->andWhere($expression->lt('crdate', $number($this->until)));
        }
        foreach ($this->fields as $name => $value) {
            $query->andWhere(...match ($name) {
                'service_id' => [$equal('service_id', $value)],
                'outcome' => [$equal($value === AuditEntry::INTENT ? 'state' : 'outcome', $value)],
                'status' => str_ends_with($value, 'xx')
                    ? [
                        $expression->gte('status', $number((int) $value[0] * 100)),
                        $expression->lt('status', $number(((int) $value[0] + 1) * 100)),
                    ]
                    : [$expression->eq('status', $number((int) $value))],
                'code' => [$equal(str_contains($value, '.') ? 'error_code' : 'error_class', $value)],
                'correlation' => [$equal('correlation_id', $value)],
                default => [],
            });
        }
    }

    private static function midnight(string $date): ?int
    {
        $time = $date === '' ? false : strtotime($date . ' 00:00');
        return $time === false ? null : $time;
    }
}
