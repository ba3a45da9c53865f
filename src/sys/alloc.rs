//! An allocator that wipes what is freed.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, which wipes each block before it goes back. `realloc` is the trait's own, which allocates,
/// copies and frees: the system's could leave the old block behind unwiped.
pub struct WipingAllocator;

// SAFETY: every call goes to the system's allocator with the layout that was handed in.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about the layout is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block was allocated with this layout, so that many bytes are ours to write until it is freed. A plain
        // write before a free is a dead store to the compiler; explicit_bzero is not.
        unsafe {
            libc::explicit_bzero(block.cast(), layout.size());
            System.dealloc(block, layout);
        }
    }
}

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;
