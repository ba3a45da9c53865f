<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Form;

use Netresearch\NrSecureOutbound\Registry\Cell;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Form\AbstractNode;

/**
 * Says at a field of a service or credential set what is wrong with the stored record there.
 *
 * @internal
 */
final class ProblemInformation extends AbstractNode
{
    /**
     * The problems, stored for the time of one request, since every field of a form asks for them.
     *
     * @var \WeakMap<ServerRequestInterface, array<string, array<string, list<string>>>>|null
     */
    private static ?\WeakMap $found = null;

    public function __construct(private readonly RecordProblems $problems)
    {
    }

    /**
     * @return array<mixed>
     */
    public function render(): array
    {
        $result = $this->initializeResultArray();
        if (Cell::text($this->data, 'command') !== 'edit') {
            return $result;
        }
        $html = '';
        foreach ($this->ofRecord()[Cell::text($this->data, 'fieldName')] ?? [] as $problem) {
            $html .= '<div class="alert alert-danger mb-2" role="alert">' . htmlspecialchars($problem) . '</div>';
        }
        return ['html' => $html] + $result;
    }

    /**
     * @return array<string, list<string>> messages by column
     */
    private function ofRecord(): array
    {
        $table = Cell::text($this->data, 'tableName');
        $uid = Cell::integer($this->data, 'vanillaUid');
        $request = $this->data['request'] ?? null;
        if (!$request instanceof ServerRequestInterface) {
            return $this->problems->of($table, $uid);
        }
        self::$found ??= new \WeakMap();
        $ofForm = self::$found[$request] ?? [];
        $ofForm["$table:$uid"] ??= $this->problems->of($table, $uid);
        self::$found[$request] = $ofForm;
        return $ofForm["$table:$uid"];
    }
}
