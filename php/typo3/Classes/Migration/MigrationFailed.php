<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

/**
 * A provider could not be migrated. Its message is for whoever runs the migration, and has nothing secret.
 *
 * @internal
 */
final class MigrationFailed extends \RuntimeException
{
}
