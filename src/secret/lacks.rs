//! What a type of secrets must not be able to do.

/// Does not compile where the type has one of the traits: then two implementations of the helper fit, and none is meant.
macro_rules! lacks {
    ($secret:ty: $($capability:path),+) => {
        $(const _: fn() = || {
            trait Either<Which> {
                fn chosen() {}
            }
            struct Any;
            struct Capable;
            impl<T: ?Sized> Either<Any> for T {}
            impl<T: ?Sized + $capability> Either<Capable> for T {}
            <$secret as Either<_>>::chosen();
        };)+
    };
}

pub(crate) use lacks;
