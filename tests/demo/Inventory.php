<?php

declare(strict_types=1);

/**
 * Everything that this PHP request can reach, written to a file as strings with the place each was found at.
 *
 * It does not know what is looked for: who searches the file does, and is another process.
 */
final class Inventory
{
    public int $strings = 0;
    public int $objects = 0;
    public int $classes = 0;

    /** @var array<int, true> */
    private array $seen = [];

    /** @var resource */
    private $file;

    public function __construct(string $path)
    {
        $this->file = fopen($path, 'w');
    }

    /**
     * @param array<string, mixed> $locals get_defined_vars() of the functions that sent
     */
    public function take(array $locals): void
    {
        $this->walk('$GLOBALS', $GLOBALS);
        foreach ($locals as $name => $value) {
            $this->walk('local $' . $name, $value);
            $this->texts('local $' . $name, $value);
        }
        foreach ([...get_declared_classes(), ...get_declared_traits(), ...get_declared_interfaces()] as $class) {
            $this->ofClass(new ReflectionClass($class));
        }
        foreach (get_defined_functions()['user'] as $function) {
            $this->walk($function . '()', (new ReflectionFunction($function))->getStaticVariables());
        }
        $this->walk('constant', get_defined_constants(true)['user'] ?? []);
        $this->walk('backtrace', debug_backtrace());
        $this->walk('environment', getenv());
        $this->walk('ini', ini_get_all(null, false));
        $this->walk('response headers', headers_list());
        $this->walk('last error', error_get_last());
        $this->walk('output', ob_get_status(true) === [] ? '' : (string) ob_get_contents());
        $this->walk('input', (string) file_get_contents('php://input'));
        fclose($this->file);
    }

    private function ofClass(ReflectionClass $class): void
    {
        $this->classes++;
        foreach ($class->getProperties(ReflectionProperty::IS_STATIC) as $property) {
            if ($property->isInitialized()) {
                $this->walk($class->name . '::$' . $property->name, $property->getValue());
            }
        }
        if ($class->isInternal()) {
            return;
        }
        $this->walk($class->name . '::', $class->getConstants());
        foreach ($class->getMethods() as $method) {
            $this->walk($class->name . '::' . $method->name . '()', $method->getStaticVariables());
        }
    }

    private function walk(string $place, mixed $value): void
    {
        if (is_string($value)) {
            $this->write($place, $value);
        } elseif (is_array($value)) {
            foreach ($value as $key => $item) {
                if ($key === 'GLOBALS') {
                    continue;
                }
                if (is_string($key)) {
                    $this->write($place, $key);
                }
                $this->walk($place . '[' . strtr((string) $key, "\0", '.') . ']', $item);
            }
        } elseif (is_object($value) && $value !== $this && !isset($this->seen[spl_object_id($value)])) {
            $this->seen[spl_object_id($value)] = true;
            $this->objects++;
            $this->inside($place . ' ' . $value::class, $value);
        }
    }

    private function inside(string $place, object $value): void
    {
        if ($value instanceof FFI || $value instanceof FFI\CData || $value instanceof FFI\CType) {
            return;
        }
        // The cast shows private and inherited properties; of an exception also the trace with its arguments.
        $this->walk($place, (array) $value);
        if ($value instanceof SensitiveParameterValue) {
            $this->walk($place, $value->getValue());
        } elseif ($value instanceof Closure) {
            $function = new ReflectionFunction($value);
            $this->walk($place, $function->getStaticVariables());
            $this->walk($place, $function->getClosureThis());
        } elseif ($value instanceof WeakMap || $value instanceof SplObjectStorage || $value instanceof SplDoublyLinkedList) {
            foreach ($value as $key => $item) {
                $this->walk($place, $key);
                $this->walk($place, $item);
            }
        }
    }

    /** The forms in which PHP code lets a value leave: dumps, serialised texts, the text of an exception. */
    private function texts(string $place, mixed $value): void
    {
        $forms = [
            'print_r' => static fn (): string => print_r($value, true),
            'var_export' => static fn (): string => var_export($value, true),
            'serialize' => static fn (): string => serialize($value),
            'json_encode' => static fn (): string => (string) json_encode($value, JSON_PARTIAL_OUTPUT_ON_ERROR),
            'var_dump' => static function () use ($value): string {
                ob_start();
                var_dump($value);
                return (string) ob_get_clean();
            },
            'string' => static fn (): string => $value instanceof Stringable ? (string) $value : '',
        ];
        foreach ($forms as $form => $text) {
            try {
                $this->write($form . ' of ' . $place, @$text());
            } catch (Throwable $refused) {
                $this->write($form . ' of ' . $place, $refused->getMessage());
            }
        }
    }

    private function write(string $place, string $text): void
    {
        if ($text !== '') {
            $this->strings++;
            fwrite($this->file, base64_encode($place) . ' ' . base64_encode($text) . "\n");
        }
    }
}
