<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Secret\JsonScanner;
use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * Services from a JSON file, whose form schema/services.schema.json publishes:
 *
 *     {"version": 1, "services": {"my-api": {"base_url": "https://api.example.com/v1", "policy": {…}}}}
 *
 * The file is read once, at the first use. A file that cannot be read as a whole has no services. If a cache directory is given,
 * workers store the compiled file there, as code for opcache.
 *
 * @api
 */
final class JsonFileServiceRegistry implements ServiceRegistry
{
    private const MAX_BYTES = 8388608;

    private ArrayServiceRegistry|RegistryProblem|null $loaded = null;

    /**
     * @param string|null $cache absolute path of a directory in which nobody but PHP's user and root can write; if others can
     *        write to it, or it does not exist, the file is read each time
     */
    public function __construct(private readonly string $file, private readonly ?string $cache = null)
    {
    }

    /**
     * @throws OutboundException configuration.invalid if the file as a whole is not valid; otherwise as the interface says
     */
    public function get(string $id): ServiceDefinition
    {
        $loaded = $this->load();
        if ($loaded instanceof RegistryProblem) {
            throw OutboundException::create('configuration.invalid', $loaded->message);
        }
        return $loaded->get($id);
    }

    public function ids(): array
    {
        $loaded = $this->load();
        return $loaded instanceof RegistryProblem ? [] : $loaded->ids();
    }

    public function problems(): array
    {
        $loaded = $this->load();
        return $loaded instanceof RegistryProblem ? [$loaded] : $loaded->problems();
    }

    /**
     * What is wrong with the file as a whole.
     *
     * @internal
     */
    public function fault(): ?RegistryProblem
    {
        $loaded = $this->load();
        return $loaded instanceof RegistryProblem ? $loaded : null;
    }

    private function load(): ArrayServiceRegistry|RegistryProblem
    {
        return $this->loaded ??= $this->loadAnew();
    }

    private function loadAnew(): ArrayServiceRegistry|RegistryProblem
    {
        $compiled = CompiledRegistry::of($this->file, $this->cache);
        $entries = $compiled?->entries();
        if ($entries !== null) {
            return ArrayServiceRegistry::compiled($entries);
        }
        $read = $this->read();
        if ($read instanceof RegistryProblem) {
            return $read;
        }
        $compiled?->keep($read);
        return new ArrayServiceRegistry($read);
    }

    /**
     * @return array<mixed>|RegistryProblem entries by id
     */
    private function read(): array|RegistryProblem
    {
        $json = LocalFile::read($this->file, self::MAX_BYTES);
        if ($json === null) {
            return new RegistryProblem('', '', 'the registry file cannot be read: ' . $this->file);
        }
        if (strlen($json) > self::MAX_BYTES) {
            return new RegistryProblem('', '', 'the registry file is larger than 8 MiB');
        }
        try {
            $document = json_decode($json, false, 64, JSON_THROW_ON_ERROR);
        } catch (\JsonException $failure) {
            return new RegistryProblem('', '', 'the registry file is no JSON: ' . $failure->getMessage());
        }
        if (!$document instanceof \stdClass || ($document->version ?? null) !== 1) {
            return new RegistryProblem('', 'version', 'the registry file is no object with "version": 1');
        }
        $duplicate = (new JsonScanner($json))->duplicate();
        if ($duplicate !== null) {
            return new RegistryProblem('', $duplicate, 'the registry file has a key twice: ' . $duplicate);
        }
        $keys = ['$schema' => 0, 'version' => 0, 'services' => 0];
        if (array_diff_key(get_object_vars($document), $keys) !== []) {
            return new RegistryProblem('', '', 'the registry file has a key beside $schema, version and services');
        }
        if (!is_string($document->{'$schema'} ?? '')) {
            return new RegistryProblem('', '$schema', 'the $schema of the registry file is no text');
        }
        if (!($document->services ?? null) instanceof \stdClass) {
            return new RegistryProblem('', 'services', 'the services of the registry file are no object');
        }
        return get_object_vars($document->services);
    }
}
