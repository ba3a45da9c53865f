<?php

/**
 * Run before any class of this package is loaded: by autoload.php, and by the autoloader of Composer.
 *
 * Where preload-all.php has preloaded the package, it says which version is on the disk. Of the preloaded classes it
 * needs one, which is asked for nothing but this.
 */

declare(strict_types=1);

if (class_exists(\Netresearch\NrVault\Transport\PreloadedPackage::class, false)) {
    \Netresearch\NrVault\Transport\PreloadedPackage::meet('0.1.0');
}
