<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend;

use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Core\FormProtection\FormProtectionFactory;

/**
 * A token in forms that send or change something. It proves that the form was made for this user and this purpose. TYPO3 also
 * checks the token in the URL, but a URL is found in histories.
 *
 * @internal
 */
final readonly class FormProof
{
    public const FIELD = 'proof';

    public function __construct(private FormProtectionFactory $protections)
    {
    }

    public function make(ServerRequestInterface $request, string $action, string $subject): string
    {
        return $this->protections->createFromRequest($request)->generateToken(Right::GROUP, $action, $subject);
    }

    /** Whether the request has the token for this action and subject. */
    public function holds(ServerRequestInterface $request, string $action, string $subject): bool
    {
        $proof = Input::text(Input::fields($request), self::FIELD);
        return $this->protections->createFromRequest($request)->validateToken($proof, Right::GROUP, $action, $subject);
    }
}
