//! Why there is no key.

/// Why a source gives no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    /// There is no such file.
    FileMissing,
    /// The file cannot be read, or it is no regular file.
    FileUnreadable,
    /// The file holds something else.
    FileNotAKey,
    /// The variable is not set, or empty.
    VariableMissing,
    /// The variable holds something else.
    VariableNotAKey,
    /// The encryption key is shorter than 32 bytes.
    EncryptionKeyTooShort,
    /// The text is not the base64 of 32 bytes.
    RawNotAKey,
}

impl KeyProblem {
    /// The stable name, for warnings.
    pub fn code(self) -> &'static str {
        match self {
            Self::FileMissing => "key_file.missing",
            Self::FileUnreadable => "key_file.unreadable",
            Self::FileNotAKey => "key_file.invalid",
            Self::VariableMissing => "key_variable.missing",
            Self::VariableNotAKey => "key_variable.invalid",
            Self::EncryptionKeyTooShort | Self::RawNotAKey => "key_material.invalid",
        }
    }

    /// What to do about it.
    pub fn message(self) -> &'static str {
        match self {
            Self::FileMissing => "the key file does not exist",
            Self::FileUnreadable => "the key file cannot be read by this process, or is not a regular file",
            Self::FileNotAKey => "the key file holds neither 32 bytes nor the base64 of 32 bytes",
            Self::VariableMissing => "the key's environment variable is not set, or is empty",
            Self::VariableNotAKey => "the key's environment variable holds neither 32 bytes nor the base64 of 32 bytes",
            Self::EncryptionKeyTooShort => "the encryption key is shorter than 32 bytes",
            Self::RawNotAKey => "key_base64 is not the base64 of 32 bytes",
        }
    }
}
