<?php

/**
 * Run before any class of this package is loaded: by autoload.php, and by the autoloader of Composer.
 *
 * If preload-all.php has preloaded the package, it tells the preloaded classes which version is on disk; they refuse calls if it is
 * not theirs. It uses only one method of them, because they may be of any version.
 */

declare(strict_types=1);

if (class_exists(\Netresearch\NrVault\Transport\PreloadedPackage::class, false)) {
    \Netresearch\NrVault\Transport\PreloadedPackage::meet('0.1.0');
}
