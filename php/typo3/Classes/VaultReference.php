<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound;

/**
 * A secret of nr-vault that a setting of an extension or TypoScript refers to as "vault:identifier". Code gets its identifier,
 * and never its value.
 *
 * @api
 */
final readonly class VaultReference
{
    private const PREFIX = 'vault:';

    /**
     * @param non-empty-string $identifier without the prefix
     */
    private function __construct(public string $identifier)
    {
    }

    /**
     * @throws \InvalidArgumentException for anything that is not such a reference, "%vault(…)%" included
     */
    public static function fromSetting(#[\SensitiveParameter] string $setting): self
    {
        $setting = trim($setting);
        if (str_contains($setting, '%vault(')) {
            throw new \InvalidArgumentException(
                'the setting has %vault(…)%, which nr-vault replaces by the value of the secret: it would be in caches and in '
                    . 'whatever prints the setting; write vault: and the identifier',
                1795910407,
            );
        }
        $identifier = str_starts_with($setting, self::PREFIX) ? substr($setting, strlen(self::PREFIX)) : '';
        if (preg_match('/\A[\x21-\x7E]{1,255}\z/', $identifier) !== 1) {
            // The message has no value of the setting, which may be the secret itself.
            throw new \InvalidArgumentException('the setting is no reference to a secret: write vault: and its identifier', 1795910408);
        }
        return new self($identifier);
    }

    public static function isReference(#[\SensitiveParameter] string $setting): bool
    {
        try {
            self::fromSetting($setting);
            return true;
        } catch (\InvalidArgumentException) {
            return false;
        }
    }

    /** The form in which a setting has it. */
    public function toSetting(): string
    {
        return self::PREFIX . $this->identifier;
    }
}
