<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

/**
 * A provider could not be migrated. Its message is shown to the person who runs the migration, and contains nothing secret.
 *
 * @internal
 */
final class MigrationFailed extends \RuntimeException
{
}
