<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Names;

/**
 * Services from a PHP array, by id. An entry has the same keys as in the JSON file; schema/services.schema.json lists them.
 *
 *     new ArrayServiceRegistry(['my-api' => [
 *         'base_url' => 'https://api.example.com/v1',
 *         'policy' => ['allowed_methods' => ['GET']],
 *         'credentials' => [['identifier' => 'vault:my_api_key', 'type' => 'bearer']],
 *     ]])
 *
 * An entry is read when its service is requested.
 *
 * @api
 */
final class ArrayServiceRegistry implements ServiceRegistry
{
    private const NOT_COMPILED = 'the compiled registry has an entry of another form: delete services-*.php in its directory, and '
        . 'workers compile the registry again';

    /** @var array<string, ServiceDefinition|non-empty-list<RegistryProblem>> */
    private array $read = [];

    private bool $isCompiled = false;

    /**
     * @param array<mixed> $services
     */
    public function __construct(private readonly array $services)
    {
    }

    /**
     * A registry of entries that have been read already.
     *
     * @internal
     * @param array<mixed> $entries in the form of CompiledEntry
     */
    public static function compiled(array $entries): self
    {
        $registry = new self($entries);
        $registry->isCompiled = true;
        return $registry;
    }

    public function get(string $id): ServiceDefinition
    {
        if (!array_key_exists($id, $this->services)) {
            $asked = preg_match(ServiceDefinition::ID, $id) === 1 ? '"' . $id . '"' : 'of this id';
            throw OutboundException::create(
                'policy.service_unknown',
                "the registry has no service $asked; it has " . Names::listed($id, $this->ids()),
            );
        }
        $result = $this->read($id);
        if ($result instanceof ServiceDefinition) {
            return $result;
        }
        $problem = $result[0];
        if ($problem->message === self::NOT_COMPILED) {
            throw OutboundException::create('configuration.invalid', $problem->message);
        }
        $field = $problem->field === '' ? '' : $problem->field . ' ';
        throw OutboundException::create(
            'policy.service_disabled',
            'the service "' . $problem->entry . '" is disabled: ' . $field . $problem->message,
        );
    }

    public function ids(): array
    {
        return array_map(strval(...), array_keys($this->services));
    }

    public function problems(): array
    {
        $problems = [];
        foreach ($this->ids() as $id) {
            $result = $this->read($id);
            $problems = [...$problems, ...($result instanceof ServiceDefinition ? [] : $result)];
        }
        return $problems;
    }

    /**
     * @return ServiceDefinition|non-empty-list<RegistryProblem>
     */
    private function read(string $id): ServiceDefinition|array
    {
        return $this->read[$id] ??= $this->isCompiled
            ? CompiledEntry::read($this->services[$id]) ?? [new RegistryProblem('', '', self::NOT_COMPILED)]
            : (new EntryReader($id))->read($this->services[$id]);
    }
}
