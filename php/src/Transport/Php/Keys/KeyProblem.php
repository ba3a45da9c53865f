<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Keys;

/**
 * Why a source gives no key. The values are the library's texts; code() is the stable name for warnings.
 *
 * @internal
 */
enum KeyProblem: string
{
    case FileMissing = 'the key file does not exist';
    case FileUnreadable = 'the key file cannot be read by this process, or is not a regular file';
    case FileNotAKey = 'the key file holds neither 32 bytes nor the base64 of 32 bytes';
    case VariableMissing = 'the key\'s environment variable is not set, or is empty';
    case VariableNotAKey = 'the key\'s environment variable holds neither 32 bytes nor the base64 of 32 bytes';
    case EncryptionKeyTooShort = 'the encryption key is shorter than 32 bytes';
    case RawNotAKey = 'key_base64 is not the base64 of 32 bytes';

    public function code(): string
    {
        return match ($this) {
            self::FileMissing => 'key_file.missing',
            self::FileUnreadable => 'key_file.unreadable',
            self::FileNotAKey => 'key_file.invalid',
            self::VariableMissing => 'key_variable.missing',
            self::VariableNotAKey => 'key_variable.invalid',
            self::EncryptionKeyTooShort, self::RawNotAKey => 'key_material.invalid',
        };
    }
}
