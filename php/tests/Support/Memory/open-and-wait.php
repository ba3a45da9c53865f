<?php

/**
 * Opens a credential and places it as PhpTransport does. It waits twice, so that its memory can be searched before and after the secrets
 * are wiped.
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
        // The exception stays alive in $refusal, as it would in a logger.
    }
    echo "placed\n";
    fgets(STDIN);
    $placed?->wipe();
    $placed?->redactor->wipe();
    echo "wiped\n";
    fgets(STDIN);
})();
