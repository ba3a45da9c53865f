<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Form;

use Netresearch\NrSecureOutbound\Registry\Cell;
use TYPO3\CMS\Backend\Form\AbstractNode;

/**
 * Says at a field of a service or credential set what is wrong with the stored record there.
 *
 * @internal
 */
final class ProblemInformation extends AbstractNode
{
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
        $problems = $this->problems->of(Cell::text($this->data, 'tableName'), Cell::integer($this->data, 'vanillaUid'));
        foreach ($problems[Cell::text($this->data, 'fieldName')] ?? [] as $problem) {
            $html .= '<div class="alert alert-danger mb-2" role="alert">' . htmlspecialchars($problem) . '</div>';
        }
        return ['html' => $html] + $result;
    }
}
