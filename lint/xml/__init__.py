"""XML files as bytes, trees and positions, and edits of them."""
