<?php

/**
 * Opens a credential and places it as PhpTransport does, and lets itself be looked at before and after it lets it go.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\CredentialInjector;
use Netresearch\NrVault\Transport\Php\Credential\CredentialOpener;
use Netresearch\NrVault\Transport\Php\Credential\RequestDraft;
use Netresearch\NrVault\Transport\Php\Keys\Keyring;
use Netresearch\NrVault\Transport\Placement;

require __DIR__ . '/../../../autoload.php';

$task = json_decode((string) fgets(STDIN), true);

(static function () use ($task): void {
    $placement = $task['placement'] === null ? null : Placement::fromWire($task['placement']);
    $sealed = (new CredentialReference('my_api_key', $task['type'], $placement))->seal($task['sealed']);
    $draft = new RequestDraft([['content-type', 'application/json']], 'a=1', '{"taken":1}');
    $placed = null;
    $refusal = null;
    try {
        $opener = new CredentialOpener(Keyring::open([['provider' => 'file', 'path' => $task['key']]]));
        $placed = CredentialInjector::inject($opener->open([$sealed]), $draft);
    } catch (OutboundException $refusal) {
        // Held on to, as a logger does it.
    }
    echo "placed\n";
    fgets(STDIN);
    $placed?->wipe();
    $placed?->redactor->wipe();
    echo "wiped\n";
    fgets(STDIN);
})();
