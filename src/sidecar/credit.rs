//! Credit: how much of a body may be under way. No input and no output is here.

/// What each side may send of a body before it has been given more, and the most that it can have been given.
pub const WINDOW: usize = 1 << 20;

/// What a receiver has taken before it gives credit for it.
const STEP: usize = WINDOW / 2;

/// What may still be sent of the body of a call.
#[derive(Debug)]
pub struct Credit(usize);

/// More was sent, or given, than there is.
#[derive(Debug, PartialEq, Eq)]
pub struct Overdrawn;

impl Default for Credit {
    fn default() -> Self {
        Self(WINDOW)
    }
}

impl Credit {
    /// How much may be sent now.
    pub fn left(&self) -> usize {
        self.0
    }

    /// Notes what was sent.
    pub fn spend(&mut self, bytes: usize) -> Result<(), Overdrawn> {
        self.0 = self.0.checked_sub(bytes).ok_or(Overdrawn)?;
        Ok(())
    }

    /// Notes what was given. There is never more than a window of it.
    pub fn give(&mut self, bytes: u32) -> Result<(), Overdrawn> {
        let more = usize::try_from(bytes).ok().and_then(|bytes| self.0.checked_add(bytes));
        self.0 = more.filter(|credit| *credit <= WINDOW).ok_or(Overdrawn)?;
        Ok(())
    }
}

/// The receiver's side of it.
#[derive(Debug, Default)]
pub struct Taken {
    granted: Credit,
    taken: usize,
}

impl Taken {
    /// Notes a piece that arrived and is taken, and says how much credit to give for it now.
    pub fn take(&mut self, bytes: usize) -> Result<Option<u32>, Overdrawn> {
        self.arrived(bytes)?;
        self.passed_on(bytes)
    }

    /// Notes a piece that arrived.
    pub fn arrived(&mut self, bytes: usize) -> Result<(), Overdrawn> {
        self.granted.spend(bytes)
    }

    /// Notes that so much of what arrived is held no longer, and says how much credit to give now.
    pub fn passed_on(&mut self, bytes: usize) -> Result<Option<u32>, Overdrawn> {
        self.taken += bytes;
        let Some(more) = u32::try_from(self.taken).ok().filter(|_| self.taken >= STEP) else { return Ok(None) };
        self.taken = 0;
        self.granted.give(more)?;
        Ok(Some(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_can_be_spent_and_no_byte_more() {
        let mut credit = Credit::default();
        assert_eq!(credit.spend(WINDOW), Ok(()));
        assert_eq!(credit.spend(1), Err(Overdrawn));
        assert_eq!(credit.give(3), Ok(()));
        assert_eq!(credit.left(), 3);
        assert_eq!(credit.spend(3), Ok(()));
        assert_eq!(credit.give(u32::MAX), Err(Overdrawn), "more than a window");
    }

    #[test]
    fn a_receiver_gives_back_what_it_took() {
        let (mut sender, mut receiver) = (Credit::default(), Taken::default());
        let mut sent = 0;
        while sent < 5 * WINDOW {
            let piece = sender.left().min(60_000);
            assert!(piece > 0, "the sender waits for credit after {sent} bytes, and gets none");
            sender.spend(piece).expect("there is as much");
            sent += piece;
            if let Some(more) = receiver.take(piece).expect("no more than was given") {
                sender.give(more).expect("no more than was taken");
            }
        }
        assert_eq!(receiver.take(2 * WINDOW), Err(Overdrawn));
    }
}
