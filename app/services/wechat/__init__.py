"""WeChat: sign-in, access token, phone number and the domain check."""
